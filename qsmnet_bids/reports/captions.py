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

_ORIENTATION = "The left of the image is the subject's left (neurological convention)."

CAPTIONS = {
    'chi': f'Axial, coronal and sagittal slices; grey window {CHI_WINDOW[0]} to {CHI_WINDOW[1]}'
    f' ppm, bright is paramagnetic. Black outside the map. {_ORIENTATION}',
    'mask': 'Root mean square of the echoes. The outline must follow the edge of the tissue and'
    f' leave no holes. {_ORIENTATION}',
    'magnitude': 'All echoes share one grey window. Signal that fades fast with the echo time'
    f' marks air, iron or calcium. {_ORIENTATION}',
    'phase': f'Black is -π, white is +π rad. Smooth bands are right; noise in tissue or'
    f' open-ended fringe lines are not. {_ORIENTATION}',
    'totalfield': 'Field of all sources, fitted over the echoes; the window is written beside the'
    f' bar. Jumps from voxel to voxel betray unwrapping errors. {_ORIENTATION}',
    'localfield': f'Field of the sources inside the mask; grey window {LOCAL_WINDOW[0]} to'
    f' {LOCAL_WINDOW[1]} ppm. Broad shading near the edge is left-over background field.'
    f' {_ORIENTATION}',
    'histogram': 'All voxels of the map; the grey band is the window of the susceptibility map.',
}
"""By the ``desc`` entity of the figure's file name, in the order of the report."""
