"""What a network is given: the same in training, from synthetic worlds, and in use."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Sample:
    """A batch of fields with what is known of them; shape ``(n, 1, x, y, z)`` unless said.

    Parameters
    ----------
    field
        Local or total field, whatever the network was made for, ppm; zero outside the mask.
    mask
        1 where the field was measured, else 0.
    noise
        Standard deviation of the field, ppm; zero outside the mask.
    kernel
        Dipole kernel of the grid in ``rfftn`` layout, shape ``(n, x, y, z // 2 + 1)``, for a
        volume that holds all that it sees, so that convolution with it is the field's own; or of
        a larger grid of even z, to which the volume is padded with zeros; None for a crop of a
        larger volume.
    inverse
        What ``closed_form`` makes of the whole volume before it is cropped, ppm, shape
        ``(n, k, x, y, z)``; None where the network does not ask for it.
    magnitude
        Relative to its median in the mask, zero outside it; None where it is not known.
    voxel_size
        Sides relative to that of a cube of the same volume, shape ``(n, 3)``; None where the
        network does not ask for it.
    scale
        The network's own measure of the whole field, ppm, shape ``(n, 1, 1, 1, 1)``, for a tile
        of a volume; None to have it measured on the sample.
    """

    field: Tensor
    mask: Tensor
    noise: Tensor
    kernel: Tensor | None = None
    inverse: Tensor | None = None
    magnitude: Tensor | None = None
    voxel_size: Tensor | None = None
    scale: Tensor | None = None
