"""Tikhonov regularisation in closed form.

B. Bilgic et al., J. Magn. Reson. Imaging 40:181-191, 2014, doi:10.1002/jmri.24365.
"""

from torch import Tensor

from qsmnet_bids.inversion.closed_form import Grid, invert
from qsmnet_bids.physics.gradient import gradient_power
from qsmnet_bids.tensors import ChiMap, LocalField

MEAN_SQUARE = 4 / 45
"""Of the dipole kernel over all directions."""


def tikhonov(
    local: LocalField,
    *,
    alpha: float = 0.01,
    gradient_weight: float = 0.0,
    correction: bool = True,
    by_noise: bool = False,
) -> ChiMap:
    """Minimise |D chi - field|^2 + alpha |chi|^2 + gradient_weight |gradient chi|^2.

    chi(k) = D field(k) / (D^2 + alpha + gradient_weight P(k)), where P is the power of periodic
    forward differences.

    Parameters
    ----------
    local
        Field to invert.
    alpha
        Penalty of susceptibility, without unit.
    gradient_weight
        Penalty of its gradient, mm^2.
    correction
        Whether the underestimation that the penalties cause is divided out.
    by_noise
        Whether ``alpha`` is replaced by the ratio of the powers of noise and susceptibility in the
        mask, as Wiener has it: 4/45 noise^2 / (field^2 - noise^2), since 4/45 is the mean of D^2.

    Returns
    -------
        Zero outside the mask.
    """
    if alpha < 0 or gradient_weight < 0 or alpha + gradient_weight == 0:
        raise ValueError(
            'alpha and gradient_weight must be at least 0 and one of them positive, '
            f'got {alpha} and {gradient_weight}'
        )

    if by_noise:
        alpha = _noise_to_signal(local)

    def inverse(kernel: Tensor, shape: Grid) -> Tensor:
        penalty = kernel.square().add_(alpha)
        if gradient_weight:
            power = gradient_power(shape, local.voxel_size, device=kernel.device)
            penalty.add_(power, alpha=gradient_weight)
        # at k = 0 the kernel is zero and so may be the penalty
        return kernel.div_(penalty.clamp_(min=1e-12))

    return invert(local, inverse=inverse, correction=correction)


def _noise_to_signal(local: LocalField) -> float:
    noise = float(local.noise[local.mask].square().mean())
    field = float(local.field[local.mask].square().mean())
    if not 0 < noise < field:
        raise ValueError(
            'by_noise must be False where the noise is not known or exceeds the field, '
            f'got noise of {noise**0.5:.3g} ppm in a field of {field**0.5:.3g} ppm'
        )
    return MEAN_SQUARE * noise / (field - noise)
