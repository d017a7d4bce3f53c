"""What is known without learning: estimates that cost a few Fourier transforms.

A network that is given them for the actual kernel serves any direction of B0 and voxel size, and
has only to learn what is left. Made on whole volumes, before they are cropped.

Tikhonov inversion: B. Bilgic et al., J. Magn. Reson. Imaging 40:181-191, 2014,
doi:10.1002/jmri.24365. Projection onto dipole fields: T. Liu et al., NMR Biomed. 24:1129-1136,
2011, doi:10.1002/nbm.1670.
"""

from typing import Literal

import torch
from torch import Tensor

from qsmnet_bids.networks.fourier import convolve, convolve_each, full_mean, grid_of
from qsmnet_bids.networks.scaling import VOXELS, divisor, mean_magnitude

Task = Literal['dipole', 'background', 'onestep']

PENALTIES = ((0.003, 0.05), (0.03, 0.5))
"""For each inversion: its penalty without noise, and what noise as strong as the field adds."""

N_CHANNELS: dict[Task, int] = {
    'dipole': len(PENALTIES),
    'background': 1,
    'onestep': 1 + len(PENALTIES),
}


def closed_form(
    field: Tensor, mask: Tensor, noise: Tensor, kernel: Tensor, *, task: Task = 'dipole'
) -> Tensor:
    """Estimate in closed form what a network is to find.

    Parameters
    ----------
    field
        Local field, or total field where background is to be removed, ppm, shape
        ``(n, 1, x, y, z)``; zero outside the mask.
    mask
        1 where the field is known, else 0.
    noise
        Standard deviation of the field, ppm.
    kernel
        Dipole kernel, shape ``(n, x', y', z' // 2 + 1)``, of the same grid (a periodic world) or
        of a larger one, as ``fourier.convolve`` has it.
    task
        Local field to susceptibility; total to local field; total field to susceptibility.

    Returns
    -------
        ppm, shape ``(n, N_CHANNELS[task], x, y, z)``, zero outside the mask, proportional to field
        and noise: the local field where the task has a total one, then the inversions of it,
        from sharp to smooth.
    """
    if task == 'dipole':
        return inversions(field, mask, noise, kernel)
    local = local_field(field, mask, noise, kernel)
    if task == 'background':
        return local
    return torch.cat([local, inversions(local, mask, noise, kernel)], dim=1)


def inversions(field: Tensor, mask: Tensor, noise: Tensor, kernel: Tensor) -> Tensor:
    """Invert by Tikhonov's method with penalties that grow with the noise.

    chi(k) = D field(k) / (D^2 + alpha), divided by the mean of D^2 / (D^2 + alpha), with
    alpha = a + b mean(noise^2) / mean(field^2) for each pair (a, b) of ``PENALTIES``.

    Parameters
    ----------
    field, mask, noise, kernel
        As ``closed_form`` has them.

    Returns
    -------
        ppm, shape ``(n, 2, x, y, z)``, zero outside the mask.
    """
    n_z = grid_of((field.shape[2], field.shape[3], field.shape[4]), kernel)[2]
    signal = (field * mask).square().sum(VOXELS)
    share = ((noise * mask).square().sum(VOXELS) / divisor(signal)).clamp(max=1)
    kernels = []
    for least, by_noise in PENALTIES:
        alpha = (least + by_noise * share)[:, None, None, None]
        inverse = tikhonov_kernel(kernel, alpha)
        kernels.append(inverse / full_mean(inverse * kernel, n_z))
    return convolve_each(field * mask, kernels) * mask


def tikhonov_kernel(kernel: Tensor, alpha: Tensor) -> Tensor:
    """Give D / (D^2 + alpha).

    Parameters
    ----------
    kernel
        Without unit.
    alpha
        Positive, of a shape that fits.
    """
    return kernel / (kernel.square() + alpha)


def local_field(
    field: Tensor, mask: Tensor, noise: Tensor, kernel: Tensor, *, n_iterations: int = 6
) -> Tensor:
    """Subtract what sources outside the mask explain best, found by a few conjugate gradients.

    Minimises |sqrt(trust) (field - D chi)|^2 over chi outside the mask. Stopped early, it leaves
    what only sources close to the mask's border would explain.

    Parameters
    ----------
    field, mask, noise, kernel
        As ``closed_form`` has them.
    n_iterations
        Of two convolutions each.

    Returns
    -------
        ppm, shape ``(n, 1, x, y, z)``, zero outside the mask.
    """
    weight = trust(noise, mask)
    x, y, z = field.shape[2:]
    grid = grid_of((x, y, z), kernel)
    grow = (0, grid[2] - z, 0, grid[1] - y, 0, grid[0] - x)

    def pad(volumes: Tensor) -> Tensor:
        return torch.nn.functional.pad(volumes, grow)

    outside = 1 - pad(mask)
    residual = field * mask
    slope = outside * convolve(pad(weight * residual), kernel)
    direction = slope
    energy = slope.square().sum(VOXELS, keepdim=True)
    for _ in range(n_iterations):
        image = convolve(direction, kernel)[..., :x, :y, :z] * mask
        curvature = (weight * image.square()).sum(VOXELS, keepdim=True)
        residual = residual - energy / divisor(curvature) * image
        slope = outside * convolve(pad(weight * residual), kernel)
        former, energy = energy, slope.square().sum(VOXELS, keepdim=True)
        direction = slope + energy / divisor(former) * direction
    return residual


def trust(noise: Tensor, mask: Tensor) -> Tensor:
    """Weigh a voxel by its noise: 2 where there is none, 1 where it is average, then as 1/noise^2.

    Where no voxel of a sample is said to have noise, all are average.

    Parameters
    ----------
    noise
        ppm, shape ``(n, 1, x, y, z)``.
    mask
        1 where the field is known, else 0; so is the weight.
    """
    mean = mean_magnitude(noise, mask)
    relative = torch.where(mean > 0, noise / divisor(mean), torch.ones_like(noise))
    return 2 * mask / (1 + relative.square())
