"""Regions whose mean susceptibility may count as zero, by name. Loads nothing."""

from collections.abc import Sequence

REGIONS = {
    'mask': 'whole mask',
    'csf': 'ventricular cerebrospinal fluid',
    'segmentation': 'region of the segmentation',
    'none': 'none',
}
"""Names of the regions as they are written into sidecars."""


def region_name(region: str, labels: Sequence[int] = ()) -> str:
    """Name a region as reports and sidecars do.

    Parameters
    ----------
    region
        One of ``REGIONS``.
    labels
        Values of the segmentation that count; only for ``'segmentation'``.

    >>> region_name('segmentation', (4, 43))
    'region of the segmentation with the value 4 or 43'
    """
    values = ' or '.join(map(str, labels)) if region == 'segmentation' else ''
    return f'{REGIONS[region]} with the value {values}' if values else REGIONS[region]
