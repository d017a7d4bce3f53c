"""The figures of a run: their order, titles, captions and fixed windows. Knows no numerics."""

from qsmnet_bids.reports.values import MINUS

CHI_WINDOW = (-0.1, 0.2)
LOCAL_WINDOW = (-0.1, 0.1)
"""Grey windows, ppm, the same for every subject so that reports compare at a glance."""

EXTRA_WINDOWS: dict[str, tuple[float, float, str]] = {
    'r2star': (0.0, 60.0, '1/s'),
    'residual': (0.0, 0.02, 'ppm'),
    'uncertainty': (0.0, 0.05, 'ppm'),
}
"""The same for the sizes that not every run has."""

TITLES = {
    'chi': 'Susceptibility map',
    'mask': 'Magnitude with the outline of the mask',
    'residual': 'Residual of the forward model',
    'uncertainty': 'Uncertainty of the susceptibility',
    'histogram': 'Histogram of susceptibility',
    'totalfield': 'Total field',
    'localfield': 'Local field',
    'unwrapped': 'Unwrapped phase',
    'phase': 'Wrapped phase of each echo',
    'magnitude': 'Magnitude of each echo',
    'r2star': 'R2* map',
    'swi': 'Susceptibility-weighted image',
}
"""By the ``desc`` entity of the figure's file name, in the order of the report."""

OPTIONAL = {'uncertainty': 'uncertainty', 'swi': 'weighting'}
"""Of runs that were asked for them, and the stage that makes them."""

PAIRS = (('chi', 'mask'), ('totalfield', 'localfield'))
"""Neighbours that the report shows in one place, in turns; their slices lie in the same places."""

ORIENTATION = (
    "In all pictures the left of the image is the subject's left (neurological convention);"
    ' L, R, A and P mark left, right, anterior and posterior.'
)


def _span(window: tuple[float, float] | tuple[float, float, str]) -> str:
    return f'{window[0]:g} to {window[1]:g}'.replace('-', MINUS)


CAPTIONS = {
    'chi': f'Axial, coronal and sagittal slices; grey window {_span(CHI_WINDOW)} ppm, bright is'
    ' paramagnetic. Black outside the map.',
    'mask': 'Root mean square of the echoes. The outline must follow the edge of the tissue and'
    ' leave no holes.',
    'residual': 'Size of the difference between the field of the map and the local field; grey'
    f' window {_span(EXTRA_WINDOWS["residual"])} ppm. Where it is bright, the map does not explain'
    ' the field: flow, motion, noise, background field or too strong a regularisation.',
    'uncertainty': 'One standard deviation of the susceptibility; grey window'
    f' {_span(EXTRA_WINDOWS["uncertainty"])} ppm. Where it is bright, noise, streaks or the'
    ' regularisation may have changed the map by as much. The error of the background removal is'
    ' not in it.',
    'histogram': 'All voxels of the map; the grey band is the window of the susceptibility map.',
    'totalfield': 'Field of all sources, fitted over the echoes; the window is written beside the'
    ' bar. Jumps from voxel to voxel betray unwrapping errors.',
    'localfield': f'Field of the sources inside the mask; grey window {_span(LOCAL_WINDOW)} ppm.'
    ' Broad shading near the edge is left-over background field.',
    'unwrapped': 'Of the last echo, without phase offset, or what grows between two echoes where'
    ' the fit unwraps no more. It must be smooth; edges with a step of 2π are errors.',
    'phase': f'Black is {MINUS}π, white is +π rad. Smooth bands are right; noise in tissue or'
    ' open-ended fringe lines are not.',
    'magnitude': 'All echoes share one grey window. Signal that fades fast with the echo time'
    ' marks air, iron or calcium.',
    'r2star': f'Decay rate of the magnitude; grey window {_span(EXTRA_WINDOWS["r2star"])} per'
    ' second. Bright is iron, veins, or signal lost to steep fields near air.',
    'swi': 'Above the image, below its minimum over a slab around each slice, which joins the'
    ' pieces of veins. Dark lines and spots are veins, iron or bleeds.',
}

OF_THE_MAP = frozenset({'chi', 'histogram', 'residual', 'uncertainty', 'viewer'})
"""Figures that each inversion has of its own."""


def figure_label(what: str, inversion: str) -> str:
    """Name a figure in its file's ``desc``.

    Parameters
    ----------
    what
        Such as ``'mask'`` or ``'chi'``.
    inversion
        Method of the susceptibility map.

    >>> figure_label('chi', 'tkd'), figure_label('mask', 'tkd')
    ('chitkd', 'mask')
    """
    return what + inversion.replace('_', '') if what in OF_THE_MAP else what
