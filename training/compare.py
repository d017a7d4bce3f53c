"""A page that compares runs: their hyper-parameters against their validation curves."""

import html
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.curves import Curve, draw_curves
from training.files import replace_text
from training.tracking import flat, read_log, read_summaries

PAGE = 'runs.html'
MEASURES = {
    'rmse': 'RMSE, ppm',
    'mae': 'MAE, ppm',
    'slope': 'slope',
    'intercept': 'intercept, ppm',
    'ssim': 'SSIM',
}
LOGARITHMIC = {'rmse', 'mae'}
COLOURS = (
    '#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#6a3d9a', '#000000',
)  # fmt: skip
DASHES = ('', '6 3', '2 3')
TEXTS = {'description', 'intended_use', 'limits'}

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em; color: #111; background: #fff; }
table { border-collapse: collapse; } th, td { padding: 0.2em 0.7em; text-align: right; }
th { border-bottom: 2px solid #111; } td:nth-child(2), th:nth-child(2) { text-align: left; }
tr + tr td { border-top: 1px solid #ddd; } figure { display: inline-block; margin: 1em 1em 0 0; }
svg { font: 12px system-ui, sans-serif; } .wide { overflow-x: auto; }
"""


@dataclass(frozen=True)
class Row:
    """A run on the page.

    Parameters
    ----------
    name
        Of its folder.
    summary
        Its ``run.json``.
    parameters
        Its recipe with dotted names.
    curve
        Its validations, in the order of steps.
    colour, dash
        Of its curves.
    """

    name: str
    summary: dict[str, Any]
    parameters: dict[str, Any]
    curve: list[dict[str, float]]
    colour: str
    dash: str


def write_comparison(runs_dir: Path) -> Path:
    """Write the page; it needs no network and no script.

    Parameters
    ----------
    runs_dir
        Holds a folder per run.

    Returns
    -------
        Path of the page.
    """
    rows = [
        Row(
            name=name,
            summary=summary,
            parameters=flat(summary['recipe']),
            curve=[line for line in read_log(runs_dir / name) if 'rmse' in line],
            colour=COLOURS[number % len(COLOURS)],
            dash=DASHES[number // len(COLOURS) % len(DASHES)],
        )
        for number, (name, summary) in enumerate(read_summaries(runs_dir).items())
    ]
    body = [_table(rows), *(_figure(rows, measure) for measure in MEASURES)]
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Training runs</title>'
        f'<style>{STYLE}</style></head><body><h1>Training runs</h1>{"".join(body)}</body></html>\n'
    )
    replace_text(runs_dir / PAGE, page)
    return runs_dir / PAGE


def _table(rows: list[Row]) -> str:
    """Show the parameters in which the runs differ, and where each stands."""
    names = dict.fromkeys(name for row in rows for name in row.parameters if name not in TEXTS)
    differing = [
        name
        for name in names
        if name != 'name' and len({json.dumps(row.parameters.get(name)) for row in rows}) > 1
    ]
    head = ['', 'run', 'state', 'samples', 'minutes', *MEASURES.values(), *differing]
    lines = [''.join(f'<th>{html.escape(cell)}</th>' for cell in head)]
    for row in rows:
        key = (
            f'<svg width="30" height="10"><line x1="0" x2="30" y1="5" y2="5" stroke-width="2" '
            f'stroke="{row.colour}" stroke-dasharray="{row.dash}"/></svg>'
        )
        last = row.curve[-1] if row.curve else {}
        cells = [
            row.name,
            row.summary['state'],
            f'{row.summary["samples"]:,}',
            f'{row.summary["minutes"]:.1f}',
            *(f'{last[name]:.4f}' if name in last else '' for name in MEASURES),
            *(str(row.parameters.get(name, '')) for name in differing),
        ]
        texts = ''.join(f'<td>{html.escape(cell)}</td>' for cell in cells)
        lines.append(f'<td>{key}</td>{texts}')
    table = ''.join(f'<tr>{line}</tr>' for line in lines)
    return (
        '<p>Figures of the last validation; parameters in which the runs differ.</p>'
        f'<div class="wide"><table>{table}</table></div>'
    )


def _figure(rows: list[Row], measure: str) -> str:
    curves = [
        Curve(
            label=row.name,
            points=[
                (line['step'] * row.parameters['batch_size'], line[measure])
                for line in row.curve
                if math.isfinite(line[measure])
            ],
            colour=row.colour,
            dash=row.dash,
        )
        for row in rows
    ]
    drawing = draw_curves(
        curves,
        x_label='samples seen',
        y_label=MEASURES[measure],
        is_logarithmic=measure in LOGARITHMIC,
    )
    return f'<figure>{drawing}</figure>'
