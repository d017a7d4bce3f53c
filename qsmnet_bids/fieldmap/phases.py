"""What the field fits have in common: unwrapped echoes at the start, the record at the end."""

import math
from collections.abc import Mapping

from torch import Tensor

from qsmnet_bids.physics.box import Box, put_back
from qsmnet_bids.physics.units import hz_per_ppm
from qsmnet_bids.tensors import Convergence, Echoes, Mask, MultiEcho, TotalField
from qsmnet_bids.unwrapping import METHODS as UNWRAPPINGS

FAINTEST = 1e-3
"""Least magnitude that counts, relative to the greatest: voxels without signal (noise would be
infinite) get a weight that is tiny but the same for all echoes."""


def unwrap(
    echoes: MultiEcho,
    *,
    mask: Mask,
    method: str,
    parameters: Mapping[str, bool | int | float | str] | None,
) -> Echoes:
    """Unwrap by a method that is named.

    Parameters
    ----------
    echoes
        Without phase offset.
    mask
        Where to unwrap.
    method
        From the ``METHODS`` of the unwrapping.
    parameters
        Its hyper-parameters, where they differ from the defaults.

    Returns
    -------
        rad, zero outside the mask.
    """
    check(method)
    return UNWRAPPINGS[method](echoes, mask=mask, **(parameters or {}))


def check(method: str) -> None:
    """Refuse an unwrapping that there is not.

    Parameters
    ----------
    method
        Its name.
    """
    if method not in UNWRAPPINGS:
        raise ValueError(f'unwrapping must be one of {sorted(UNWRAPPINGS)}, got {method!r}')


def relative_magnitude(echoes: MultiEcho, *, mask: Mask) -> Echoes:
    """Divide the magnitude by its greatest in the mask, and lift it to the least that counts.

    Parameters
    ----------
    echoes
        Any unit.
    mask
        Where the greatest is sought.

    Returns
    -------
        In [0.001, 1], everywhere.
    """
    inside = echoes.magnitude * mask
    return inside.div_(inside.max().clamp(min=1e-30)).clamp_(min=FAINTEST)


def total_field(
    rate: Tensor,
    deviation: Tensor,
    *,
    echoes: MultiEcho,
    mask: Mask,
    box: Box,
    unwrapped: Tensor,
    convergence: Convergence | None = None,
) -> TotalField:
    """Turn a rate of phase in the box of a mask into the field.

    Parameters
    ----------
    rate, deviation
        Phase per time and its standard deviation in the box, rad/s.
    echoes
        The whole acquisition.
    mask, box
        Where the field is wanted, and the box around it.
    unwrapped
        Phase without wraps in the box, as the record has it, rad.
    convergence
        Of the fit, if it iterates.
    """
    inside, per_ppm = mask[box], 2 * math.pi * hz_per_ppm(echoes.b0)
    field, noise = (
        put_back(volume / per_ppm * inside, box, mask.shape) for volume in (rate, deviation)
    )
    return TotalField(
        field,
        noise,
        mask.clone(),
        echoes.voxel_size,
        echoes.b0_dir,
        magnitude=echoes.magnitude.square().sum(0).sqrt_(),
        convergence=convergence,
        unwrapped=put_back(unwrapped * inside, box, mask.shape),
    )
