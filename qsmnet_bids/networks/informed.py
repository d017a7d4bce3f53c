"""A U-Net that is given closed-form estimates for the actual kernel and learns what is left.

The estimates know direction of B0 and voxel size, so the U-Net need not, and the same weights
serve any of them. The U-Net is that of ``networks.unet``.
"""

import torch
from torch import Tensor, nn

from qsmnet_bids.networks.closed_form import N_CHANNELS, Task
from qsmnet_bids.networks.network import Need, Network
from qsmnet_bids.networks.sample import Sample
from qsmnet_bids.networks.scaling import divisor, mean_magnitude
from qsmnet_bids.networks.unet import Normalisation, UNet, as_correction

GAIN = 4.0
"""Susceptibility relative to the field that it causes, roughly."""


class Informed(Network):
    """Correct closed-form estimates by a U-Net that sees them, field, mask and noise.

    Parameters
    ----------
    task
        What the closed-form estimates are of.
    features, depth, kernel_size, normalisation, dropout, fold
        Of the U-Net.
    with_magnitude
        Whether the magnitude is one more channel.
    """

    def __init__(
        self,
        *,
        task: Task = 'dipole',
        features: int = 16,
        depth: int = 3,
        kernel_size: int = 3,
        normalisation: Normalisation = 'none',
        dropout: float = 0.0,
        fold: int = 1,
        with_magnitude: bool = False,
    ) -> None:
        super().__init__()
        self.task: Task = task
        n_inverse = N_CHANNELS[task]
        needs: tuple[Need, ...] = ('inverse', 'magnitude') if with_magnitude else ('inverse',)
        self.needs = frozenset(needs)
        # before it has learnt anything, the network is its first estimate of what it is to find
        unet = UNet(
            in_channels=3 + n_inverse + with_magnitude,
            features=features,
            depth=depth,
            kernel_size=kernel_size,
            normalisation=normalisation,
            dropout=dropout,
            fold=fold,
        )
        self.unet = as_correction(unet)
        self.multiple = self.unet.multiple
        start = torch.zeros(n_inverse)
        start[1 if task == 'onestep' else 0] = 1
        self.share = nn.Parameter(start)

    def scale(self, sample: Sample) -> Tensor:
        """Measure the mean magnitude of the local field, of the estimated one if need be.

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
        local = sample.field if self.task == 'dipole' else _inverse(sample)[:, :1]
        return mean_magnitude(local, sample.mask)

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
        estimates, scale = _inverse(sample), self.scale(sample)
        unit = divisor(scale)
        # total fields reach a hundred times the local ones, near air
        field = sample.field * sample.mask / unit
        channels = [
            field if self.task == 'dipole' else torch.asinh(field),
            sample.mask,
            torch.log1p(sample.noise * sample.mask / unit),
            estimates / (unit if self.task == 'background' else GAIN * unit),
        ]
        if 'magnitude' in self.needs:
            if sample.magnitude is None:
                raise ValueError('this network needs the magnitude, got a sample without')
            channels.append(sample.magnitude)
        learnt = self.unet(torch.cat(channels, dim=1)).to(scale.dtype)
        gain = scale if self.task == 'background' else GAIN * scale
        start = torch.einsum('nkxyz,k->nxyz', estimates, self.share)[:, None]
        return (start + gain * learnt) * sample.mask


def _inverse(sample: Sample) -> Tensor:
    if sample.inverse is None:
        raise ValueError('this network needs closed-form estimates, got a sample without')
    return sample.inverse
