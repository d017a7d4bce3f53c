"""The figures of a run: their order, titles, captions and fixed windows. Knows no numerics."""

CHI_WINDOW = (-0.1, 0.2)
LOCAL_WINDOW = (-0.1, 0.1)
"""Grey windows, ppm, the same for every subject so that reports compare at a glance."""

TITLES = {
    'chi': 'Susceptibility map',
    'mask': 'Mask outline on the magnitude',
    'magnitude': 'Magnitude of each echo',
    'phase': 'Wrapped phase of each echo',
    'totalfield': 'Total field',
    'localfield': 'Local field',
    'histogram': 'Histogram of susceptibility',
}

ORIENTATION = (
    "In all pictures the left of the image is the subject's left (neurological convention);"
    ' L, R, A and P mark left, right, anterior and posterior.'
)

CAPTIONS = {
    'chi': f'Axial, coronal and sagittal slices; grey window {CHI_WINDOW[0]} to {CHI_WINDOW[1]}'
    f' ppm, bright is paramagnetic. Black outside the map.',
    'mask': 'Root mean square of the echoes. The outline must follow the edge of the tissue and'
    ' leave no holes.',
    'magnitude': 'All echoes share one grey window. Signal that fades fast with the echo time'
    ' marks air, iron or calcium.',
    'phase': 'Black is -π, white is +π rad. Smooth bands are right; noise in tissue or'
    ' open-ended fringe lines are not.',
    'totalfield': 'Field of all sources, fitted over the echoes; the window is written beside the'
    ' bar. Jumps from voxel to voxel betray unwrapping errors.',
    'localfield': f'Field of the sources inside the mask; grey window {LOCAL_WINDOW[0]} to'
    f' {LOCAL_WINDOW[1]} ppm. Broad shading near the edge is left-over background field.',
    'histogram': 'All voxels of the map; the grey band is the window of the susceptibility map.',
}
"""By the ``desc`` entity of the figure's file name, in the order of the report."""

WEIGHTED_TITLE = 'Susceptibility-weighted image'
WEIGHTED_CAPTION = (
    'Above the image, below its minimum over a slab around each slice, which joins the pieces of'
    ' veins. Dark lines and spots are veins, iron or bleeds.'
)
"""Of the figure ``swi``, which a run has only if it was asked for."""


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
    return what + inversion.replace('_', '') if what in {'chi', 'histogram', 'viewer'} else what
