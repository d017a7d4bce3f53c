"""Data consistency in k-space alternating with a small U-Net, the same in every round.

Learned proximal networks: K.-W. Lai et al., MICCAI 2020, doi:10.1007/978-3-030-59713-9_13.
Model-based deep learning: R. Feng et al., NeuroImage 240:118376, 2021,
doi:10.1016/j.neuroimage.2021.118376. Ours weighs each voxel's field by its noise, and may start
from a map of least total variation.
"""

import torch
from torch import Tensor, nn

from qsmnet_bids.networks.closed_form import tikhonov_kernel, trust
from qsmnet_bids.networks.fourier import convolve
from qsmnet_bids.networks.informed import GAIN
from qsmnet_bids.networks.network import Need, Network
from qsmnet_bids.networks.sample import Sample
from qsmnet_bids.networks.scaling import VOXELS, divisor
from qsmnet_bids.networks.unet import Normalisation, UNet, as_correction
from qsmnet_bids.networks.variation import least_variation

VARIATION = (0.008, 0.1)
"""Weight of the total variation without noise, and what noise as strong as the field adds."""
STAGES = ((12, 1.0), (8, 0.05))
"""Steps towards least variation and the price of gradients outside the mask, where residual
background has its sources."""
FIRST_STEP = 0.1
"""Of the rounds before training, where the start explains the field already."""


class Unrolled(Network):
    """Repeat: explain what of the field is unexplained, then let the U-Net mend the map.

    One round moves chi by step * T (trust (field - D chi)), where T = D / (D^2 + alpha) and trust
    falls with the voxel's noise; then the U-Net adds what it makes of the map, of that move, of
    the mask and of the noise. Steps and alphas are learnt, for each round its own; alpha grows
    with the share of noise in the field.

    Parameters
    ----------
    rounds
        How often.
    from_variation
        Whether the rounds start from a map of least total variation, for noise as it is told;
        from nothing if not.
    features, depth, kernel_size, normalisation, dropout, fold
        Of the U-Net.
    """

    needs: frozenset[Need] = frozenset({'kernel', 'voxel_size'})

    def __init__(
        self,
        *,
        rounds: int = 3,
        from_variation: bool = False,
        features: int = 16,
        depth: int = 3,
        kernel_size: int = 3,
        normalisation: Normalisation = 'none',
        dropout: float = 0.0,
        fold: int = 1,
    ) -> None:
        super().__init__()
        if rounds < 1:
            raise ValueError(f'rounds must be at least 1, got {rounds}')
        self.from_variation = from_variation
        # before it has learnt anything, the network is its start, then an iterated Tikhonov one
        unet = UNet(
            in_channels=4 + (len(STAGES) - 1) * from_variation,
            features=features,
            depth=depth,
            kernel_size=kernel_size,
            normalisation=normalisation,
            dropout=dropout,
            fold=fold,
        )
        self.unet = as_correction(unet)
        self.multiple = self.unet.multiple
        self.steps = nn.Parameter(torch.full((rounds,), FIRST_STEP if from_variation else 1.0))
        # alpha = exp(first) + exp(second) * share of noise
        start = torch.tensor([0.02, 0.2]).log()
        self.penalties = nn.Parameter(start.repeat(rounds, 1))

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
        kernel, mask = sample.kernel, sample.mask
        if kernel is None:
            raise ValueError('this network needs the dipole kernel, got a sample without')
        scale = self.scale(sample)
        unit = divisor(scale)
        field, noise = sample.field * mask / unit, sample.noise * mask / unit
        power = divisor(field.square().sum(VOXELS))
        share = (noise.square().sum(VOXELS) / power).clamp(max=1)[:, None, None, None]
        weight, level = trust(noise, mask), torch.log1p(noise)
        chi, others = self._start(field, weight, share, sample)
        for step, penalty in zip(self.steps, self.penalties, strict=True):
            unexplained = field - convolve(chi, kernel)
            floor, by_noise = penalty.exp()
            inverse = tikhonov_kernel(kernel, floor + by_noise * share)
            move = convolve(weight * unexplained, inverse) * mask
            chi = chi + step * move
            seen = torch.cat([chi / GAIN, move / GAIN, mask, level, *others], dim=1)
            chi = (chi + GAIN * self.unet(seen).to(chi.dtype)) * mask
        return chi * scale

    def _start(
        self, field: Tensor, weight: Tensor, share: Tensor, sample: Sample
    ) -> tuple[Tensor, list[Tensor]]:
        """Give the first map, and by how much others differ from it."""
        if not self.from_variation:
            return torch.zeros_like(field), []
        if sample.kernel is None or sample.voxel_size is None:
            raise ValueError('this network needs the voxel size, got a sample without')
        least, by_noise = VARIATION
        maps, _ = least_variation(
            field,
            weight,
            sample.kernel,
            sample.voxel_size,
            alpha=least + by_noise * share.flatten().sqrt(),
            stages=STAGES,
        )
        maps = maps * sample.mask
        last = maps[:, -1:]
        return last, [(maps[:, :-1] - last) / GAIN]
