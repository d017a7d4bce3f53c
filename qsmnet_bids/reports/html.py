"""The report of one subject: one self-contained page, from its sidecars and figures alone."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from glob import escape
from pathlib import Path

from qsmnet_bids import __version__
from qsmnet_bids.bidsio.atomic import write_bytes
from qsmnet_bids.errors import Failure, InputError
from qsmnet_bids.reports.captions import (
    CAPTIONS,
    ORIENTATION,
    TITLES,
    WEIGHTED_CAPTION,
    WEIGHTED_TITLE,
    figure_label,
)
from qsmnet_bids.reports.measures import BY_KEY, MEASURES, Measure
from qsmnet_bids.reports.methods import Reference, methods_paragraph, references
from qsmnet_bids.reports.packing import layout_of
from qsmnet_bids.reports.pages import inline_png, render
from qsmnet_bids.reports.records import RunRecord, StepRecord, find_sidecars, read_record
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
    'weighting': 'Susceptibility-weighted images',
}
SUMMARY = ('mask_volume_ml', 'chi_sd', 'field_noise_ppm', 'forward_residual_ratio', 'run_time_s')
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
class Picture:
    """A figure of the page.

    Parameters
    ----------
    title, caption
        Words around it.
    source
        Data URI; empty where the file is missing.
    """

    title: str
    caption: str
    source: str


@dataclass(frozen=True)
class RunView:
    """A run as the page shows it.

    Parameters
    ----------
    record
        From the sidecar.
    pictures
        In the order of the page.
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
    pictures: list[Picture]
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
        figures = output_dir / f'sub-{subject}' / 'figures'
        views.append(_view(record, figures, is_stale=record.name in failed))
    page = render(
        'subject.html',
        subject=subject,
        verdict=_verdict(views, failed, unreadable),
        has_problems=bool(failed or unreadable or not views),
        views=views,
        summary=[BY_KEY[key] for key in SUMMARY],
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
    tail = f' {warned} of them with warnings.' if warned else ' No warnings.'
    return f'{"All " if total > 1 else ""}{total} {_runs(total)} done.{tail}'


def _runs(count: int) -> str:
    return 'run' if count == 1 else 'runs'


def _view(record: RunRecord, figures: Path, *, is_stale: bool) -> RunView:
    return RunView(
        record=record,
        pictures=[_picture(record, figures, description) for description in CAPTIONS]
        + _weighted(record, figures),
        viewer=_viewer(record, figures),
        acquisition=_acquisition(record),
        quality=[(measure, measure.show(record.quality.get(measure.key))) for measure in MEASURES],
        steps=[(STAGES.get(step.stage, step.stage), step) for step in record.steps],
        warnings=record.all_warnings,
        reporting=reporting_items(record),
        paragraph=methods_paragraph(record),
        cited=references(record),
        is_stale=is_stale,
    )


def _picture(record: RunRecord, figures: Path, description: str) -> Picture:
    label = figure_label(description, record.inversion)
    found = sorted(figures.glob(f'{escape(record.name)}_desc-{label}_*.png'))
    source = inline_png(found[0]) if found else ''
    return Picture(TITLES[description], CAPTIONS[description], source)


def _weighted(record: RunRecord, figures: Path) -> list[Picture]:
    """Give the susceptibility-weighted image, if the run has one."""
    if not any(step.stage == 'weighting' for step in record.steps):
        return []
    found = sorted(figures.glob(f'{escape(record.name)}_desc-swi_*.png'))
    source = inline_png(found[0]) if found else ''
    return [Picture(WEIGHTED_TITLE, WEIGHTED_CAPTION, source)]


def _viewer(record: RunRecord, figures: Path) -> tuple[str, str]:
    label = figure_label('viewer', record.inversion)
    found = sorted(figures.glob(f'{escape(record.name)}_desc-{label}_*.png'))
    if not found:
        return '', ''
    return inline_png(found[0]), json.dumps(layout_of(found[0].read_bytes()))


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
