"""Solid harmonics, then V-SHARP: the fit takes the strong, smooth part, the spheres take the rest.

B. Wu et al., Magn. Reson. Med. 67:137-147, 2012, doi:10.1002/mrm.23000.
"""

import dataclasses

from qsmnet_bids.background.harmonics import harmonics
from qsmnet_bids.background.region import removed_of
from qsmnet_bids.background.vsharp import vsharp
from qsmnet_bids.tensors import LocalField, TotalField


def harmonics_vsharp(
    total: TotalField,
    *,
    order: int = 4,
    max_radius: float = 12.0,
    min_radius: float = 0.0,
    radius_step: float = 0.0,
    threshold: float = 0.05,
) -> LocalField:
    """Subtract a fit of solid harmonics from the total field, then do V-SHARP on what is left.

    Parameters
    ----------
    total
        Field to split.
    order
        Of ``harmonics``.
    max_radius, min_radius, radius_step, threshold
        Of ``vsharp``; mm, but for the last.

    Returns
    -------
        Local field in the voxels whose smallest sphere lies in the mask.
    """
    rest = harmonics(total, order=order)
    local = vsharp(
        dataclasses.replace(total, field=rest.field),
        max_radius=max_radius,
        min_radius=min_radius,
        radius_step=radius_step,
        threshold=threshold,
    )
    return dataclasses.replace(local, removed=removed_of(total, local.field))
