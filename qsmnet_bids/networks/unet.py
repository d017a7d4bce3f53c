"""The three-dimensional U-Net of DeepQSM, with its sizes as arguments.

S. Bollmann, K. G. B. Rasmussen, M. Kristensen et al., "DeepQSM - using deep learning to
solve the dipole inversion for quantitative susceptibility mapping", NeuroImage 195:373-383, 2019,
doi:10.1016/j.neuroimage.2019.03.060.
"""

from typing import Literal

import torch
from torch import Tensor, nn

Normalisation = Literal['none', 'batch', 'instance', 'group']

GROUP_SIZE = 8
"""Feature maps that group normalisation takes together."""
LEAK = 0.1
"""Slope of a leaking rectifier below zero."""


class UNet(nn.Module):
    """Map volumes to volumes of the same size, seeing the neighbourhood at several scales.

    Parameters
    ----------
    in_channels, out_channels
        Of the volumes; the field alone is one channel.
    features
        Feature maps at full resolution; they double with each level.
    depth
        Number of halvings of the resolution.
    kernel_size
        Of all convolutions but the last, odd.
    normalisation
        After each convolution.
    dropout
        Probability that a feature map at the coarsest level is dropped in training.
    fold
        Edge of the cubes of voxels that become channels before the first convolution, and voxels
        again after the last: 2 saves most of the time. Sides must be multiples of
        ``fold * 2 ** depth``, which is ``multiple``.
    """

    def __init__(
        self,
        *,
        in_channels: int = 1,
        out_channels: int = 1,
        features: int = 16,
        depth: int = 4,
        kernel_size: int = 3,
        normalisation: Normalisation = 'none',
        dropout: float = 0.0,
        fold: int = 1,
    ) -> None:
        super().__init__()
        if fold < 1:
            raise ValueError(f'fold must be at least 1, got {fold}')
        if kernel_size % 2 == 0:
            raise ValueError(f'kernel_size must be odd, got {kernel_size}')
        if depth < 1:
            raise ValueError(f'depth must be at least 1, got {depth}')
        widths = [features * 2**level for level in range(depth + 1)]

        def block(n_in: int, n_out: int) -> nn.Sequential:
            return _double_convolution(n_in, n_out, kernel_size, normalisation)

        self.depth = depth
        self.fold = fold
        self.multiple = fold * 2**depth
        self.encoders = nn.ModuleList(
            block(n_in, n_out)
            for n_in, n_out in zip([in_channels * fold**3, *widths], widths, strict=False)
        )
        self.ups = nn.ModuleList(
            nn.ConvTranspose3d(2 * width, width, kernel_size=2, stride=2) for width in widths[:-1]
        )
        self.decoders = nn.ModuleList(block(2 * width, width) for width in widths[:-1])
        self.dropout = nn.Dropout3d(dropout)
        self.head = nn.Conv3d(features, out_channels * fold**3, kernel_size=1)
        self.apply(_initialise)

    def forward(self, volumes: Tensor) -> Tensor:
        """Apply the network.

        Parameters
        ----------
        volumes
            Shape ``(batch, in_channels, x, y, z)``; x, y and z multiples of ``multiple``.

        Returns
        -------
            Shape ``(batch, out_channels, x, y, z)``.
        """
        skips = []
        # some processors convolve several times as fast where channels lie side by side
        volumes = _fold(volumes, self.fold).contiguous(memory_format=torch.channels_last_3d)
        for level, encoder in enumerate(self.encoders):
            volumes = encoder(nn.functional.max_pool3d(volumes, 2) if level else volumes)
            skips.append(volumes)
        volumes = self.dropout(skips.pop())
        for level in reversed(range(self.depth)):
            # popped, so that a skip's memory is free again as soon as it was used
            volumes = torch.cat([skips.pop(), self.ups[level](volumes)], dim=1)
            volumes = self.decoders[level](volumes)
        return _unfold(self.head(volumes), self.fold)


def as_correction(network: UNet) -> UNet:
    """Let a new network start from zero output, and its rectifiers leak.

    The first steps of training, while only the last layer has anything to learn from, are uneven:
    without normalisation they switched off most of the plain rectifiers for ever.

    Parameters
    ----------
    network
        Changed in place, and returned.
    """
    for parameter in network.head.parameters():
        nn.init.zeros_(parameter)
    for block in network.modules():
        if isinstance(block, nn.Sequential):
            for position, layer in enumerate(block):
                if isinstance(layer, nn.ReLU):
                    block[position] = nn.LeakyReLU(LEAK, inplace=True)
    return network


def _fold(volumes: Tensor, edge: int) -> Tensor:
    """Turn cubes of voxels into channels."""
    if edge == 1:
        return volumes
    n, c, x, y, z = volumes.shape
    cubes = volumes.reshape(n, c, x // edge, edge, y // edge, edge, z // edge, edge)
    return cubes.permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(
        n, c * edge**3, x // edge, y // edge, z // edge
    )


def _unfold(volumes: Tensor, edge: int) -> Tensor:
    """Undo ``_fold``."""
    if edge == 1:
        return volumes
    n, c, x, y, z = volumes.shape
    cubes = volumes.reshape(n, c // edge**3, edge, edge, edge, x, y, z)
    return cubes.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(
        n, c // edge**3, x * edge, y * edge, z * edge
    )


def _initialise(module: nn.Module) -> None:
    """Keep the variance through rectified layers (He et al. 2015, doi:10.1109/ICCV.2015.123)."""
    if isinstance(module, nn.Conv3d) and module.kernel_size != (1, 1, 1):
        nn.init.kaiming_normal_(module.weight, nonlinearity='relu')
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _double_convolution(
    n_in: int, n_out: int, kernel_size: int, normalisation: Normalisation
) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in (n_in, n_out):
        bias = normalisation == 'none'
        layers.append(nn.Conv3d(width, n_out, kernel_size, padding=kernel_size // 2, bias=bias))
        if normalisation == 'batch':
            layers.append(nn.BatchNorm3d(n_out))
        elif normalisation == 'instance':
            layers.append(nn.GroupNorm(n_out, n_out))
        elif normalisation == 'group':
            layers.append(nn.GroupNorm(max(1, n_out // GROUP_SIZE), n_out))
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)
