"""What maps hold in each region."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from qsmnet_bids.regional.resampling import resample_labels, sample_mask

LITTLE = 0.5
"""A region less of which lies inside the mask gets a note."""
FEW_VOXELS = 10
"""A region with fewer voxels gets a note."""


@dataclass(frozen=True)
class Summary:
    """A map in a region.

    Parameters
    ----------
    mean, median, sd
        In the map's unit; NaN without a voxel.
    """

    mean: float
    median: float
    sd: float


@dataclass(frozen=True)
class Region:
    """A region of a segmentation and what the maps hold in it.

    Parameters
    ----------
    index, name
        As the segmentation's table has them.
    n_voxels
        Of the maps' grid, in the region and inside the mask.
    volume_mm3
        Of the whole region, on the segmentation's own grid.
    share_in_mask
        Part of that volume which lies inside the mask, 0 to 1.
    maps
        By the map's name.
    note
        What the reader should know; empty if nothing.
    """

    index: int
    name: str
    n_voxels: int
    volume_mm3: float
    share_in_mask: float
    maps: dict[str, Summary]
    note: str = ''


@dataclass(frozen=True)
class Measured:
    """All regions, and where table and image do not fit.

    Parameters
    ----------
    regions
        Those that are in the image and in the table, by index.
    absent
        Names in the table whose label the image lacks.
    unnamed
        Labels of the image that the table lacks.
    """

    regions: tuple[Region, ...]
    absent: tuple[str, ...]
    unnamed: tuple[int, ...]


def measure_regions(
    labels: np.ndarray,
    names: Mapping[int, str],
    *,
    labels_affine: np.ndarray,
    maps: Mapping[str, np.ndarray],
    mask: np.ndarray,
    affine: np.ndarray,
) -> Measured:
    """Measure maps in each region of a segmentation.

    Parameters
    ----------
    labels
        Segmentation, whole numbers on a grid of its own; 0 is no region.
    names
        Names of the regions by label.
    labels_affine
        From the segmentation's voxels to mm.
    maps
        Any unit, on one grid. Values that are not finite are left out.
    mask
        Where the maps are known, boolean, on their grid.
    affine
        From the maps' voxels to mm.
    """
    if not maps or any(volume.shape != mask.shape for volume in maps.values()):
        shapes = {name: volume.shape for name, volume in maps.items()}
        raise ValueError(f'maps must have the shape of the mask, {mask.shape}, got {shapes}')
    found = {int(label) for label in np.unique(labels)} - {0}
    wanted = sorted(found & set(names))
    if not wanted:
        raise ValueError(
            f'names must have labels of the segmentation, {_shown(found)}, '
            f'got {_shown(set(names))}'
        )
    shape = (mask.shape[0], mask.shape[1], mask.shape[2])
    on_grid = resample_labels(labels, affine=labels_affine, to_affine=affine, to_shape=shape)
    inside = np.nonzero((on_grid != 0) & mask)
    values = {name: volume[inside] for name, volume in maps.items()}
    counts, summaries = _summarise(on_grid[inside], np.array(wanted), values)
    voxels = np.array(np.nonzero(labels))
    own = labels[tuple(voxels)]
    reached = sample_mask(mask, affine=affine, voxels=voxels, voxels_affine=labels_affine)
    volume = abs(float(np.linalg.det(labels_affine[:3, :3])))
    regions = []
    for place, index in enumerate(wanted):
        of_region = own == index
        share = float(reached[of_region].mean())
        regions.append(
            Region(
                index=index,
                name=names[index],
                n_voxels=int(counts[place]),
                volume_mm3=float(of_region.sum()) * volume,
                share_in_mask=share,
                maps={name: found[place] for name, found in summaries.items()},
                note=_note(int(counts[place]), share),
            )
        )
    absent = tuple(names[label] for label in sorted(set(names) - found - {0}))
    return Measured(tuple(regions), absent, tuple(sorted(found - set(names))))


def with_note(measured: Measured, note: str) -> Measured:
    """Add a note to every region.

    Parameters
    ----------
    measured
        As it is.
    note
        What the reader should know.
    """
    regions = (
        replace(region, note='; '.join(filter(None, (region.note, note))))
        for region in measured.regions
    )
    return replace(measured, regions=tuple(regions))


def _shown(labels: set[int]) -> str:
    first = ', '.join(str(label) for label in sorted(labels)[:5])
    return f'{first}, ...' if len(labels) > 5 else first or 'none'


def _summarise(
    labels: np.ndarray, wanted: np.ndarray, maps: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, dict[str, list[Summary]]]:
    order = np.argsort(labels, kind='stable')
    ordered = labels[order]
    first = np.searchsorted(ordered, wanted, side='left')
    last = np.searchsorted(ordered, wanted, side='right')
    summaries = {
        name: [_summary(values[order[a:b]]) for a, b in zip(first, last, strict=True)]
        for name, values in maps.items()
    }
    return last - first, summaries


def _summary(values: np.ndarray) -> Summary:
    known = values[np.isfinite(values)].astype(np.float64)
    if not known.size:
        return Summary(np.nan, np.nan, np.nan)
    return Summary(float(known.mean()), float(np.median(known)), float(known.std()))


def _note(n_voxels: int, share: float) -> str:
    if n_voxels == 0:
        return 'outside the mask' if share == 0 else 'smaller than a voxel of the map'
    if share < LITTLE:
        return f'only {100 * share:.0f} % of it inside the mask'
    return f'only {n_voxels} voxels' if n_voxels < FEW_VOXELS else ''
