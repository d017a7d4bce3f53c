"""The pictures of a run, from its files to the page."""

import json
from dataclasses import dataclass
from glob import escape
from pathlib import Path

from qsmnet_bids.reports.captions import CAPTIONS, OPTIONAL, PAIRS, TITLES, figure_label
from qsmnet_bids.reports.packing import layout_of
from qsmnet_bids.reports.pages import inline_png
from qsmnet_bids.reports.records import RunRecord


@dataclass(frozen=True)
class Picture:
    """A picture of the page.

    Parameters
    ----------
    name
        As the captions have it.
    title, caption
        Words around it.
    source
        Data URI; empty where the file is missing.
    """

    name: str
    title: str
    caption: str
    source: str


def figures_of(record: RunRecord, folder: Path) -> list[list[Picture]]:
    """Read the figures of a run.

    Parameters
    ----------
    record
        Of the run.
    folder
        Where they lie.

    Returns
    -------
        In the order of the page: one picture each, or two that are shown in turns.
    """
    figures: list[list[Picture]] = []
    for name in TITLES:
        if name in OPTIONAL and not _has(OPTIONAL[name], record):
            continue  # of an earlier run, if it is there
        picture = _picture(name, record, folder)
        if not (picture.source or _is_expected(name, record)):
            continue
        before = figures[-1][-1] if figures else None
        if before and before.source and picture.source and (before.name, name) in PAIRS:
            figures[-1].append(picture)
        else:
            figures.append([picture])
    return figures


def viewer_of(record: RunRecord, folder: Path) -> tuple[str, str]:
    """Read the volumes of a run's viewer.

    Parameters
    ----------
    record
        Of the run.
    folder
        Where they lie.

    Returns
    -------
        Data URI and layout as JSON; both empty where the file is missing.
    """
    path = _find('viewer', record, folder)
    return (inline_png(path), json.dumps(layout_of(path.read_bytes()))) if path else ('', '')


def _is_expected(name: str, record: RunRecord) -> bool:
    """Tell whether a picture that is not there is missing."""
    return name != 'r2star' or len(record.echo_times) != 1


def _has(stage: str, record: RunRecord) -> bool:
    return any(step.stage == stage for step in record.steps)


def _picture(name: str, record: RunRecord, folder: Path) -> Picture:
    path = _find(name, record, folder)
    return Picture(name, TITLES[name], CAPTIONS[name], inline_png(path) if path else '')


def _find(name: str, record: RunRecord, folder: Path) -> Path | None:
    label = figure_label(name, record.inversion)
    found = sorted(folder.glob(f'{escape(record.name)}_desc-{label}_*.png'))
    return found[0] if found else None
