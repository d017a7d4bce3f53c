"""All runs of a subject. The one place below the command line that knows ``Settings``."""

import re
from collections.abc import Sequence

from nipype.pipeline.engine import Workflow

from qsmnet_bids.bidsio.acquisition import Acquisition
from qsmnet_bids.bidsio.segmentations import atlas_of
from qsmnet_bids.settings import Settings
from qsmnet_bids.weights.cards import available, sees_whole
from qsmnet_bids.workflows.acquisition import init_acquisition_wf
from qsmnet_bids.workflows.methods import Methods
from qsmnet_bids.workflows.resources import available_cpus, threads_per_node

TILE_SIZE = 96
"""Voxels; of a network's tiles where memory is short."""


def init_subject_wf(*, acquisitions: Sequence[Acquisition], settings: Settings) -> Workflow:
    """Build the workflow of a subject.

    Parameters
    ----------
    acquisitions
        The subject's runs, at least one.
    settings
        Of the whole run of the app.
    """
    subjects = sorted({acquisition.subject for acquisition in acquisitions})
    if len(subjects) != 1:
        raise ValueError(f'acquisitions must be of one subject, got {subjects}')
    parameters = {method: dict(values) for method, values in settings.parameters.items()}
    inversion = settings.inversion
    if settings.low_mem and inversion in available() and not sees_whole(inversion):
        parameters.setdefault(inversion, {}).setdefault('tile_size', TILE_SIZE)
    methods = Methods(
        masking=settings.masking,
        unwrapping=settings.unwrapping,
        fieldmap=settings.fieldmap,
        background=settings.background,
        inversion=settings.inversion,
        reference=settings.reference,
        labels=settings.reference_labels,
        two_pass=settings.two_pass,
        uncertainty=settings.uncertainty,
        swi=settings.swi,
        parameters=parameters,
    )
    n_threads = settings.omp_nthreads or threads_per_node(settings.n_procs or available_cpus())
    workflow = Workflow(name=re.sub(r'[^\w-]', '-', f'sub-{subjects[0]}'))
    for acquisition in acquisitions:
        run_wf = init_acquisition_wf(
            acquisition=acquisition,
            methods=methods,
            bids_dir=settings.bids_dir,
            output_dir=settings.output_dir,
            save_fields=settings.save_fields,
            device=settings.device,
            omp_nthreads=n_threads,
            atlas=atlas_of(*settings.atlas) if settings.atlas else None,
        )
        workflow.add_nodes([run_wf])
    return workflow
