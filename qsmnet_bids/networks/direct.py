"""A U-Net from the field alone, as in DeepQSM; with the mask or the magnitude as options.

S. Bollmann, K. G. B. Rasmussen, M. Kristensen et al., "DeepQSM - using deep learning to
solve the dipole inversion for quantitative susceptibility mapping", NeuroImage 195:373-383, 2019,
doi:10.1016/j.neuroimage.2019.03.060.
"""

from typing import ClassVar

import torch
from torch import Tensor

from qsmnet_bids.networks.closed_form import Task
from qsmnet_bids.networks.network import Need, Network
from qsmnet_bids.networks.sample import Sample
from qsmnet_bids.networks.scaling import divisor, spread
from qsmnet_bids.networks.unet import Normalisation, UNet


class Direct(Network):
    """Learn everything from the field, which must have B0 along z and cubic voxels.

    Parameters
    ----------
    task
        What it learns to make of the field.
    features, depth, kernel_size, normalisation, dropout
        Of the U-Net.
    with_mask
        Whether the mask is a second channel.
    with_magnitude
        Whether the magnitude is one more channel.
    gain
        Value of the output that the U-Net's 1 stands for, in standard deviations of the field.
    """

    is_turned: ClassVar[bool] = True

    def __init__(  # noqa: PLR0913 -- the sizes of one network
        self,
        *,
        task: Task = 'dipole',
        features: int = 16,
        depth: int = 4,
        kernel_size: int = 3,
        normalisation: Normalisation = 'none',
        dropout: float = 0.0,
        with_mask: bool = False,
        with_magnitude: bool = False,
        gain: float = 4.0,
    ) -> None:
        super().__init__()
        if gain <= 0:
            raise ValueError(f'gain must be positive, got {gain}')
        self.task: Task = task
        self.multiple = 2**depth
        self.needs: frozenset[Need] = frozenset({'magnitude'} if with_magnitude else ())
        self.with_mask = with_mask
        self.gain = gain
        self.unet = UNet(
            in_channels=1 + with_mask + with_magnitude,
            features=features,
            depth=depth,
            kernel_size=kernel_size,
            normalisation=normalisation,
            dropout=dropout,
        )

    def scale(self, sample: Sample) -> Tensor:
        """Measure the field's standard deviation.

        Parameters
        ----------
        sample
            Its own ``scale`` is taken where it has one.

        Returns
        -------
            ppm, shape ``(n, 1, 1, 1, 1)``.
        """
        return spread(sample.field, sample.mask) if sample.scale is None else sample.scale

    def forward(self, sample: Sample) -> Tensor:
        """Apply the network.

        Parameters
        ----------
        sample
            Sides are multiples of ``multiple``.

        Returns
        -------
            ppm, shape ``(n, 1, x, y, z)``.
        """
        scale = self.scale(sample)
        channels = [sample.field * sample.mask / divisor(scale)]
        if self.with_mask:
            channels.append(sample.mask)
        if 'magnitude' in self.needs:
            if sample.magnitude is None:
                raise ValueError('this network needs the magnitude, got a sample without')
            channels.append(sample.magnitude)
        output = self.unet(torch.cat(channels, dim=1)).to(scale.dtype)
        return output * (self.gain * scale) * sample.mask
