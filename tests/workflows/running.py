"""Run the workflow as the app does, and the library on the same echoes."""

import nibabel as nib
import numpy as np

from qsmnet_bids.bidsio.images import load_multi_echo
from qsmnet_bids.pipeline import reconstruct
from qsmnet_bids.workflows.dataset import init_dataset_wf
from qsmnet_bids.workflows.execution import configure, execute
from qsmnet_bids.workflows.plugin import SafeMultiProcPlugin
from qsmnet_bids.workflows.subject import init_subject_wf
from tests.wiring import assert_wired

SMALL = {'max_radius': 6.0}
"""Of V-SHARP, in so small a head."""


def run(settings, *acquisitions):
    """Run all and give the names of the nodes that ran."""
    log_file = configure(log_dir=settings.output_dir / 'logs')
    subjects = {acquisition.subject for acquisition in acquisitions}
    workflows = [
        init_subject_wf(
            acquisitions=[each for each in acquisitions if each.subject == subject],
            settings=settings,
        )
        for subject in sorted(subjects)
    ]
    workflow = init_dataset_wf(subject_workflows=workflows, work_dir=settings.work_dir)
    assert_wired(workflow)
    started = []
    plugin = SafeMultiProcPlugin(
        {
            'n_procs': settings.n_procs,
            'memory_gb': 8.0,
            'log_file': log_file,
            'status_callback': lambda node, what: what == 'start' and started.append(node.name),
        }
    )
    assert execute(workflow, plugin=plugin) == []
    return sorted(started)


def load_echoes(acquisition):
    return load_multi_echo(
        acquisition.magnitude,
        acquisition.phase,
        echo_times=acquisition.echo_times,
        b0=acquisition.b0,
        b0_dir=acquisition.b0_dir,
        voxel_size=acquisition.voxel_size,
        phase_slope=acquisition.phase_slope,
        phase_intercept=acquisition.phase_intercept,
        phase_sign=acquisition.phase_sign,
    )


def library(acquisition, settings):
    echoes = load_echoes(acquisition)
    return reconstruct(
        echoes,
        background=settings.background,
        inversion=settings.inversion,
        parameters=settings.parameters,
    )


def data(path):
    return np.asarray(nib.load(path).dataobj)
