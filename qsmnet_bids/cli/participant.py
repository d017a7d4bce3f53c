"""The participant level: find the runs, check them, process the good ones."""

import logging
import re
import shutil
import subprocess
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from threading import Thread

from nipype.pipeline.engine import Workflow

from qsmnet_bids.bidsio.acquisition import Acquisition
from qsmnet_bids.bidsio.atomic import remove_leftovers
from qsmnet_bids.bidsio.orientations import join_orientations
from qsmnet_bids.bidsio.preflight import Preflight, check
from qsmnet_bids.bidsio.query import Run, find_runs
from qsmnet_bids.bidsio.segmentations import atlas_of, check_atlas
from qsmnet_bids.cli.estimates import n_procs_of
from qsmnet_bids.cli.progress import Named, Progress, Status, Stream
from qsmnet_bids.errors import Failure
from qsmnet_bids.settings import JOINT_INVERSIONS, Settings
from qsmnet_bids.workflows.dataset import NAME, init_dataset_wf
from qsmnet_bids.workflows.execution import (
    configure,
    execute,
    plugin_from_file,
    tells_what_ends,
)
from qsmnet_bids.workflows.plugin import SafeMultiProcPlugin
from qsmnet_bids.workflows.resources import available_gpus, available_memory_gb, visible_gpus
from qsmnet_bids.workflows.subject import init_subject_wf


def find(settings: Settings) -> tuple[list[Run], Preflight]:
    """Find the runs and check their files.

    Parameters
    ----------
    settings
        Of the whole run.

    Returns
    -------
        All runs that were asked for, and what can be processed of them.
    """
    if settings.atlas:
        check_atlas(atlas_of(*settings.atlas), other=settings.segmentation)
    runs = find_runs(
        settings.bids_dir,
        participant_labels=settings.participant_labels,
        session_labels=settings.session_labels,
        filter_file=settings.bids_filter_file,
        database_dir=settings.bids_database_dir,
        validate=not settings.skip_bids_validation,
    )
    preflight = check(
        runs,
        bids_dir=settings.bids_dir,
        field_strength=settings.field_strength,
        phase_sign=settings.phase_sign,
        derivatives=settings.derivatives,
        mask=settings.mask,
        segmentation=settings.segmentation,
        filter_file=settings.bids_filter_file,
        participant_labels=settings.participant_labels,
    )
    if settings.inversion in JOINT_INVERSIONS:
        preflight = join_orientations(preflight)
    return runs, preflight


def process(
    acquisitions: Sequence[Acquisition],
    settings: Settings,
    *,
    log_dir: Path,
    stream: Stream,
    meanwhile: Callable[[], object],
) -> list[Failure]:
    """Run the workflow.

    Parameters
    ----------
    acquisitions
        At least one.
    settings
        Of the whole run.
    log_dir
        For crash files and the log.
    stream
        For the user.
    meanwhile
        Called in a thread of its own once the first step has begun.

    Returns
    -------
        At most one for each acquisition.
    """
    if settings.clean_workdir:
        shutil.rmtree(settings.work_dir / NAME, ignore_errors=True)
    (settings.work_dir / NAME).mkdir(parents=True, exist_ok=True)  # here its error is a sentence
    log_file = configure(
        log_dir=log_dir,
        stop_on_first_crash=settings.stop_on_first_crash,
    )
    if settings.verbosity > 1:
        logging.getLogger('nipype').addHandler(logging.StreamHandler())
    by_subject = groupby(sorted(acquisitions, key=_subject), key=_subject)
    workflow = init_dataset_wf(
        subject_workflows=[
            init_subject_wf(acquisitions=list(own), settings=settings) for _, own in by_subject
        ],
        work_dir=settings.work_dir,
    )
    if settings.write_graph:
        _draw(workflow, log_dir / 'graph.dot')
    with Progress(stream) as progress, _without_leftovers(acquisitions, settings.output_dir):
        plugin_args = {
            'n_procs': n_procs_of(settings),
            'memory_gb': settings.memory_gb or available_memory_gb(),
            **_of_gpus(settings.device),
            'status_callback': _with_first_start(progress, meanwhile),
            'log_file': log_file,
        }
        plugin = (
            plugin_from_file(settings.nipype_plugin_file, plugin_args=plugin_args)
            if settings.nipype_plugin_file
            else SafeMultiProcPlugin(plugin_args)
        )
        failures = execute(workflow, plugin=plugin)
    names = [acquisition.name for acquisition in acquisitions]
    ended = {run for run, step in progress.ended if step == 'write_derivatives'}
    if not tells_what_ends(plugin) and all(failure.run in names for failure in failures):
        ended = set(names)
    return list(_by_run(failures, names, ended))


def _with_first_start(
    progress: Progress, meanwhile: Callable[[], object]
) -> Callable[[Named, Status], None]:
    """Start a thread at the first step that begins."""
    thread = Thread(target=meanwhile, daemon=True)

    def note(node: Named, status: Status) -> None:
        if status == 'start' and thread.ident is None:
            thread.start()
        progress(node, status)

    return note


def _subject(acquisition: Acquisition) -> str:
    return acquisition.subject


def _of_gpus(device: str) -> dict[str, object]:
    """Spread nodes over all GPUs, unless one of them is named: then they queue for it."""
    if ':' in device:
        return {'n_gpu_procs': 1}
    return {'n_gpu_procs': available_gpus(), 'gpus': () if device == 'cpu' else visible_gpus()}


def _by_run(
    failures: Sequence[Failure], names: Sequence[str], ended: Collection[str]
) -> Iterator[Failure]:
    """Give the first failure of each run; where it has none but did not end, what ended it."""
    general = [failure for failure in failures if failure.run not in names]
    for name in names:
        own = [failure for failure in failures if failure.run == name]
        if own:
            yield own[0]
        elif failures and name not in ended:
            cause = 'was not finished, as another run failed'
            yield replace((general or [Failure(name, 'workflow', cause)])[0], run=name)


def _draw(workflow: Workflow, path: Path) -> None:
    """Write the graph, and its picture where Graphviz is installed."""
    workflow.write_hierarchical_dotfile(str(path))
    # nipype does not quote names, which have hyphens here
    quoted = re.sub(rf'(?<!["\w])((cluster_)?{NAME}[\w+-]*)', r'"\1"', path.read_text())
    path.write_text(quoted)
    dot = shutil.which('dot')
    if dot is not None:
        picture = path.with_suffix('.svg')
        subprocess.run([dot, '-Tsvg', str(path), '-o', str(picture)], check=False)  # noqa: S603 -- ours


@contextmanager
def _without_leftovers(acquisitions: Sequence[Acquisition], output_dir: Path) -> Iterator[None]:
    """Remove what workers that were killed had only begun to write."""
    try:
        yield
    finally:
        for subject in {acquisition.subject for acquisition in acquisitions}:
            remove_leftovers((output_dir / f'sub-{subject}').rglob('.*.tmp'))
        for folder in (output_dir, output_dir / 'logs'):
            remove_leftovers(folder.glob('.*.tmp'))
