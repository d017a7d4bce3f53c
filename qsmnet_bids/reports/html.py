"""The report of one subject: one self-contained page, from its sidecars and figures alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from glob import escape
from pathlib import Path

from qsmnet_bids import __version__
from qsmnet_bids.bidsio.atomic import write_bytes
from qsmnet_bids.errors import Failure, InputError
from qsmnet_bids.reports.captions import ORIENTATION
from qsmnet_bids.reports.headlines import Headline, chain, headlines
from qsmnet_bids.reports.measures import MEASURES, Measure
from qsmnet_bids.reports.methods import Reference, methods_paragraph, references
from qsmnet_bids.reports.pages import render
from qsmnet_bids.reports.pictures import Picture, figures_of, viewer_of
from qsmnet_bids.reports.records import RunRecord, StepRecord, find_sidecars, read_record
from qsmnet_bids.reports.regions import RegionsTable, regions_table
from qsmnet_bids.reports.reporting import reporting_items
from qsmnet_bids.reports.values import MINUS, TIMES, join_numbers

STAGES = {
    'masking': 'Mask',
    'unwrapping': 'Unwrapping',
    'phase offset': 'Phase offset',
    'fieldmap': 'Total field',
    'relaxometry': 'Relaxation',
    'background': 'Background removal',
    'inversion': 'Dipole inversion',
    'referencing': 'Referencing',
    'two passes': 'Voxels of reliable phase',
    'first background': 'Background removal, first pass',
    'first inversion': 'Dipole inversion, first pass',
    'uncertainty': 'Uncertainty',
    'first uncertainty': 'Uncertainty, first pass',
    'weighting': 'Susceptibility-weighted images',
}
_SCANNER = (
    ('Manufacturer', 'Manufacturer', ''),
    ('ManufacturersModelName', 'Scanner', ''),
    ('SeriesDescription', 'Series', ''),
    ('ProtocolName', 'Protocol', ''),
    ('RepetitionTime', 'Repetition time', 's'),
    ('RepetitionTimeExcitation', 'Repetition time of the excitation', 's'),
    ('FlipAngle', 'Flip angle', '°'),
)
_PHASE_SIGNS = {'1': '+1 (phase grows where the field is above B0)', '-1': f'{MINUS}1 (inverted)'}


@dataclass(frozen=True)
class RunView:
    """A run as the page shows it.

    Parameters
    ----------
    record
        From the sidecar.
    headlines
        The first that a reader wants.
    used
        Methods, by what they were used for.
    figures
        In the order of the page; two pictures are shown in turns.
    regions
        Of the segmentations that were measured.
    viewer
        Data URI of the viewer's volumes and their layout as JSON; both empty without them.
    acquisition, quality, versions
        Rows of name, value and unit or remark.
    steps
        Stages as they ran.
    warnings
        Of the run and its stages, without repetition.
    reporting
        Items and values that a publication has to report.
    paragraph, cited
        For a paper.
    is_stale
        Whether the run failed this time and an earlier result is shown.
    """

    record: RunRecord
    headlines: list[Headline]
    used: list[tuple[str, str]]
    figures: list[list[Picture]]
    regions: list[RegionsTable]
    viewer: tuple[str, str]
    acquisition: list[tuple[str, str]]
    quality: list[tuple[Measure, str]]
    steps: list[tuple[str, StepRecord]]
    warnings: list[str]
    reporting: list[tuple[str, str]]
    paragraph: str
    cited: list[Reference]
    is_stale: bool


def write_subject_report(
    output_dir: Path, subject: str, *, failures: Sequence[Failure] = ()
) -> Path:
    """Write ``sub-<label>.html``.

    Parameters
    ----------
    output_dir
        Derivative dataset.
    subject
        Label, without ``sub-``.
    failures
        Of this subject's runs.

    Returns
    -------
        The page.
    """
    subject = subject.removeprefix('sub-')
    failed = {failure.run for failure in failures}
    views, unreadable = [], []
    for path in find_sidecars(output_dir, escape(subject)):
        try:
            record = read_record(path)
        except InputError as error:
            unreadable.append(str(error).replace(f'{output_dir}/', ''))
            continue
        views.append(_view(record, output_dir, is_stale=record.name in failed))
    page = render(
        'subject.html',
        subject=subject,
        verdict=_verdict(views, failed, unreadable),
        has_problems=bool(failed or unreadable or not views),
        views=views,
        orientation=ORIENTATION,
        failures=failures,
        unreadable=unreadable,
        version=__version__,
    )
    path = output_dir / f'sub-{subject}.html'
    write_bytes(path, page)
    return path


def _verdict(views: list[RunView], failed: set[str], unreadable: list[str]) -> str:
    done = sum(not view.is_stale for view in views)
    total = done + len(failed) + len(unreadable)
    if total == 0:
        return 'No result was found for this subject.'
    if done < total:
        lost = [f'{len(failed)} failed'] if failed else []
        lost += [f'{len(unreadable)} left an unreadable sidecar'] if unreadable else []
        return f'{done} of {total} {_runs(total)} done; {"; ".join(lost)}.'
    warned = sum(bool(view.warnings) for view in views)
    if total == 1:
        return '1 run done, with warnings.' if warned else '1 run done. No warnings.'
    tail = f'{warned} of them with warnings.' if warned else 'No warnings.'
    return f'All {total} runs done. {tail}'


def _runs(count: int) -> str:
    return 'run' if count == 1 else 'runs'


def _view(record: RunRecord, output_dir: Path, *, is_stale: bool) -> RunView:
    folder = output_dir / f'sub-{record.entities["sub"]}' / 'figures'
    return RunView(
        record=record,
        headlines=headlines(record),
        used=chain(record),
        figures=figures_of(record, folder),
        regions=regions_table(output_dir, record),
        viewer=viewer_of(record, folder),
        acquisition=_acquisition(record),
        quality=[(measure, measure.show(record.quality.get(measure.key))) for measure in MEASURES],
        steps=[(STAGES.get(step.stage, step.stage), step) for step in record.steps],
        warnings=record.all_warnings,
        reporting=reporting_items(record),
        paragraph=methods_paragraph(record),
        cited=references(record),
        is_stale=is_stale,
    )


def _acquisition(record: RunRecord) -> list[tuple[str, str]]:
    rows = [
        ('Field strength', f'{record.b0:g} T' if record.b0 else ''),
        ('Echo times', join_numbers(1000 * time for time in record.echo_times) + ' ms'),
        ('Voxel size', join_numbers(record.voxel_size, f' {TIMES} ') + ' mm'),
        ('Matrix', join_numbers(record.matrix_size, f' {TIMES} ')),
        (
            'Direction of B0 in voxel axes',
            join_numbers(round(x, 3) for x in record.b0_dir),
        ),
        ('Sign of the phase', _PHASE_SIGNS.get(record.phase_sign, record.phase_sign)),
        ('Phase as stored', record.phase_convention),
        *((label, f'{record.scanner.get(key, "")} {unit}') for key, label, unit in _SCANNER),
    ]
    return [
        (name, value) for name, value in rows if value.strip() not in {'', 'ms', 'mm', 's', '°'}
    ]
