"""The field of tissue whose susceptibility is a tensor, as that of white matter's fibres is.

C. Liu, Magn. Reson. Med. 63:1471-1477, 2010, doi:10.1002/mrm.22482.
"""

import torch
from torch import Tensor

from qsmnet_bids.vectors import Vector


def unit_frequencies(
    shape: tuple[int, int, int], voxel_size: Vector, *, device: torch.device | str = 'cpu'
) -> Tensor:
    """Give the direction of each frequency of ``torch.fft.rfftn``.

    Parameters
    ----------
    shape
        Voxels in x, y, z.
    voxel_size
        mm.
    device
        Of the directions.

    Returns
    -------
        Unit vectors, that of frequency zero is zero, shape ``(3, x, y, z // 2 + 1)``.
    """
    axes = [
        torch.fft.fftfreq(n, size, device=device)
        for n, size in zip(shape[:2], voxel_size[:2], strict=True)
    ]
    axes.append(torch.fft.rfftfreq(shape[2], voxel_size[2], device=device))
    vectors = torch.stack(torch.meshgrid(*axes, indexing='ij'))
    lengths = torch.linalg.vector_norm(vectors, dim=0)
    return vectors / torch.where(lengths > 0, lengths, 1)


def spectrum_along(tensor: Tensor, units: Tensor, b0_dir: Vector) -> Tensor:
    """Give the spectrum of the field along B0 that a susceptibility tensor causes.

    With n the direction of a frequency and b that of B0, B = b . chi b / 3 - (n . b) n . chi b.
    For a multiple of the identity that is the dipole kernel times it.

    Parameters
    ----------
    tensor
        Spectra of the tensor's elements, ppm, shape ``(3, 3, x, y, z // 2 + 1)``.
    units
        Of ``unit_frequencies``.
    b0_dir
        Unit vector.

    Returns
    -------
        ppm, shape ``(x, y, z // 2 + 1)``.
    """
    b = torch.tensor(b0_dir, dtype=units.dtype, device=units.device)
    moments = torch.einsum('ijxyz,j->ixyz', tensor, b.to(tensor.dtype))
    along = torch.einsum('ixyz,i->xyz', moments, b.to(tensor.dtype))
    return along / 3 - torch.einsum('ixyz,i->xyz', units, b) * (units * moments).sum(0)


def fibre_tensor(fibres: Tensor, amount: Tensor) -> Tensor:
    """Give the tensor of fibres that are magnetised more along than across.

    Its trace is zero: the mean susceptibility is another matter.

    Parameters
    ----------
    fibres
        Direction, shape ``(3, x, y, z)``; shorter than 1 where fibres cross.
    amount
        Susceptibility along less that across, ppm, shape ``(x, y, z)``.

    Returns
    -------
        ppm, shape ``(3, 3, x, y, z)``.
    """
    products = fibres[:, None] * fibres * amount
    trace = products.diagonal().sum(-1) / 3
    identity = torch.eye(3, dtype=trace.dtype, device=trace.device)
    return products - identity[:, :, None, None, None] * trace
