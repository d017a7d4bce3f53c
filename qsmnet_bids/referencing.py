"""Choose the susceptibility that counts as zero: the dipole field does not fix it."""

import dataclasses
from typing import Literal

from qsmnet_bids.tensors import ChiMap

REGIONS = {'mask': 'whole mask', 'none': 'none'}
"""Names of the regions as they are written into sidecars."""


def reference(chi: ChiMap, *, region: Literal['mask', 'none'] = 'mask') -> ChiMap:
    """Subtract the mean over a region.

    Parameters
    ----------
    chi
        Map to reference.
    region
        ``'mask'`` for the whole mask, ``'none'`` to leave the map as it is.

    Returns
    -------
        Zero outside the mask, and on average in the region.
    """
    if region not in REGIONS:
        raise ValueError(f'region must be one of {sorted(REGIONS)}, got {region!r}')
    values = chi.chi
    if region == 'mask':
        if not bool(chi.mask.any()):
            raise ValueError('the mask is empty')
        mean = values[chi.mask].double().mean()
        values = (values - mean.to(values.dtype)) * chi.mask
    return dataclasses.replace(chi, chi=values, reference=REGIONS[region])
