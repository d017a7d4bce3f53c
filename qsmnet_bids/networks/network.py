"""What training and inference may ask of any network."""

from typing import ClassVar, Literal

from torch import Tensor, nn

from qsmnet_bids.networks.closed_form import Task
from qsmnet_bids.networks.sample import Sample
from qsmnet_bids.networks.scaling import mean_magnitude

Need = Literal['kernel', 'inverse', 'magnitude', 'voxel_size']


class Network(nn.Module):
    """A module of ``forward(sample: Sample) -> Tensor`` in ppm, shape ``(n, 1, x, y, z)``.

    Its output is proportional to the sample's field and noise, and zero outside the mask.

    Attributes
    ----------
    task
        What it is for.
    multiple
        Sides of its samples must be multiples of this.
    needs
        Optional parts of a sample without which it does not work. One that needs the kernel sees
        whole volumes only.
    is_turned
        Whether it knows no other direction of B0 than z and no other voxels than cubes.
    is_near_sighted
        Whether the kernel need not reach what lies far outside the mask, even for a total field.
    """

    task: Task = 'dipole'
    multiple: int
    needs: frozenset[Need] = frozenset()
    is_turned: ClassVar[bool] = False
    is_near_sighted: ClassVar[bool] = False

    def scale(self, sample: Sample) -> Tensor:
        """Measure what the sample's field is divided by; tiles of a volume share the whole's.

        Parameters
        ----------
        sample
            Its own ``scale`` is taken where it has one.

        Returns
        -------
            ppm, shape ``(n, 1, 1, 1, 1)``.
        """
        if sample.scale is not None:
            return sample.scale
        return mean_magnitude(sample.field, sample.mask)
