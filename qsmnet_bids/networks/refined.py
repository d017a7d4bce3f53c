"""Maps of least total variation, and a U-Net that mends them: for all three tasks.

What background removal leaves or takes is harmonic in the mask, and so is the field of sources
outside it. The maps differ in what such sources cost: where they are cheap, they take up what
background removal did wrong, and a part of the tissue's own field with it; where they are dear,
the tissue has to explain everything. Which is better depends on the noise and on how much of the
field no tissue explains, which a small network learns to judge. A field that has more noise than
it is said to have is found out by what it has where the dipole has nothing. Steep places cost
less, so that edges are not worn down, and what no map explains is not followed. From a total field
the Laplacian boundary value problem is solved first: D. Zhou et al., NMR Biomed. 27:312-319, 2014,
doi:10.1002/nbm.3064.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from qsmnet_bids.networks.closed_form import Task, tikhonov_kernel, trust
from qsmnet_bids.networks.cone import unexplained_shares
from qsmnet_bids.networks.doubt import CLEAN, doubted
from qsmnet_bids.networks.fourier import convolve
from qsmnet_bids.networks.informed import GAIN
from qsmnet_bids.networks.judge import judge, signs, weighed
from qsmnet_bids.networks.network import Need, Network
from qsmnet_bids.networks.sample import Sample
from qsmnet_bids.networks.scaling import divisor, mean_magnitude
from qsmnet_bids.networks.unet import Normalisation, UNet, as_correction
from qsmnet_bids.networks.variation import least_variation
from qsmnet_bids.physics.peel import peeled
from qsmnet_bids.solvers.poisson import negative_laplacian, solve_poisson

STAGES = ((22, 0.01), (4, 0.1), (10, 1.0))
"""Steps towards least variation and the price of gradients outside the mask."""
MORE = 48
"""Further steps where there is no noise."""
LAYERS = 2
"""Of the mask's border, in which the Laplacian of a total field is not that of the tissue."""
CYCLES, RESIDUAL = 12, 1e-3
"""Most multigrid cycles of the boundary value problem, and where they end."""
FIRST_STEP = 0.1
"""Of data consistency, before training."""
N_CHANNELS = 6 + len(STAGES)


class Start(NamedTuple):
    """What a network begins from; fields and noise are in ``scale``.

    Parameters
    ----------
    scale
        ppm, shape ``(n, 1, 1, 1, 1)``.
    field
        Whose background is removed, shape ``(n, 1, x, y, z)``.
    known
        1 where it is known, else 0.
    noise
        Its standard deviation, told or found out.
    weight
        How far each voxel's field is trusted, within 0 and 1.
    kernel
        Of the sample.
    share
        Of the field's power that is error, shape ``(n,)``.
    smooth
        Power of smooth errors over that of white ones, shape ``(n,)``.
    maps
        Shape ``(n, len(STAGES), x, y, z)``, neither mended nor referenced.
    outer
        Field of sources outside the mask, as the first map has it.
    signs
        What the maps' shares are judged by, shape ``(n, n_signs)``.
    """

    scale: Tensor
    field: Tensor
    known: Tensor
    noise: Tensor
    weight: Tensor
    kernel: Tensor
    share: Tensor
    smooth: Tensor
    maps: Tensor
    outer: Tensor
    signs: Tensor


class Refined(Network):
    """Mend maps of least total variation by a round of data consistency and a U-Net.

    A small network gives the maps their shares by what they leave of the field, how they differ
    and the noise. The first map's sources outside the mask are subtracted from the field. Towards
    what is left the maps' mean moves by step * T (trust (left - D chi)), where
    T = D / (D^2 + alpha) and trust falls with the voxel's noise. The U-Net sees that map, the
    move, how the maps differ, both parts of the field, the mask and the noise, and corrects the
    map, or the local field that goes with it.

    Parameters
    ----------
    task
        Local field to susceptibility, total to local field, or total field to susceptibility.
    features, depth, kernel_size, normalisation, dropout, fold
        Of the U-Net.
    """

    needs: frozenset[Need] = frozenset({'kernel', 'voxel_size'})
    is_near_sighted = True

    def __init__(
        self,
        *,
        task: Task = 'dipole',
        features: int = 24,
        depth: int = 3,
        kernel_size: int = 3,
        normalisation: Normalisation = 'batch',
        dropout: float = 0.0,
        fold: int = 2,
    ) -> None:
        super().__init__()
        self.task: Task = task
        # before it has learnt anything, the network is all but its start
        unet = UNet(
            in_channels=N_CHANNELS,
            features=features,
            depth=depth,
            kernel_size=kernel_size,
            normalisation=normalisation,
            dropout=dropout,
            fold=fold,
        )
        self.unet = as_correction(unet)
        self.multiple = self.unet.multiple
        self.judge = judge(len(STAGES))
        self.step = nn.Parameter(torch.tensor(FIRST_STEP))
        # alpha = exp(first) + exp(second) * share of noise
        self.penalty = nn.Parameter(torch.tensor([0.02, 0.2]).log())
        # of the measured field in the local one; the rest is the map's
        self.measured = nn.Parameter(torch.tensor(0.5)) if task == 'background' else None

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
        start = self.start(sample)
        mask, known, kernel, maps = sample.mask, start.known, start.kernel, start.maps
        left = start.field - start.outer
        shares = weighed(self.judge, start.signs, start.smooth)
        chi = torch.einsum('nkxyz,nk->nxyz', maps, shares)[:, None]
        floor, most = self.penalty.exp()
        inverse = tikhonov_kernel(kernel, floor + most * start.share[:, None, None, None])
        move = convolve(start.weight * (left - convolve(chi, kernel)), inverse) * known
        chi = chi + self.step * move
        differences = maps[:, :-1] - maps[:, 1:]
        seen = [chi / GAIN, move / GAIN, mask, known, torch.log1p(start.noise)]
        seen += [differences / GAIN, left, torch.asinh(start.outer)]
        learnt = self.unet(torch.cat(seen, dim=1)).to(start.scale.dtype)
        if self.measured is None:
            return (chi + GAIN * learnt) * mask * start.scale
        own = convolve(chi, kernel)
        return (own + self.measured * known * (left - own) + learnt) * mask * start.scale

    def start(self, sample: Sample) -> Start:
        """Find the maps, by nothing that is learnt.

        Parameters
        ----------
        sample
            As of ``forward``.

        Raises
        ------
        ValueError
            If it has no kernel or no voxel size.
        """
        kernel, sizes, mask = sample.kernel, sample.voxel_size, sample.mask
        if kernel is None or sizes is None:
            missing = 'dipole kernel' if kernel is None else 'voxel size'
            raise ValueError(f'this network needs the {missing}, got a sample without')
        field, known = sample.field * mask, mask
        if self.task != 'dipole':
            field, known = _without_background(field, mask, sizes)
        scale = mean_magnitude(field, known)
        unit = divisor(scale)
        field, noise = field / unit, sample.noise * known / unit
        unexplained = unexplained_shares(field, known, kernel, sizes)
        noise, doubt = doubted(field, noise, known, unexplained)
        weight = trust(noise, known)
        found = least_variation(
            field,
            weight,
            kernel,
            sizes,
            price=doubt.price(),
            stages=STAGES,
            more=(MORE * (1 - doubt.share.sqrt() / CLEAN).clamp(min=0)).round(),
        )
        maps, outer, relied = found.maps * known, found.outer * known, found.reliance
        seen = signs(maps, field, outer, noise, kernel, known, relied)
        weight = relied * weight
        level = doubt.share, doubt.smooth
        return Start(scale, field, known, noise, weight, kernel, *level, maps, outer, seen)


@torch.no_grad()
def _without_background(field: Tensor, mask: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
    """Give what no harmonic function explains, and where it is known."""
    if field.is_meta:  # operations are only counted: there are no numbers to go by
        return field, mask
    fields, knowns = [], []
    for total, inside, size in zip(field[:, 0], mask[:, 0] > 0, sizes.tolist(), strict=True):
        known = peeled(inside, LAYERS)
        x, y, z = size
        local = solve_poisson(
            negative_laplacian(total, (x, y, z)),
            known,
            (x, y, z),
            max_iterations=CYCLES,
            tolerance=RESIDUAL,
        )
        fields.append(local.value * known)
        knowns.append(known.to(mask.dtype))
    return torch.stack(fields)[:, None], torch.stack(knowns)[:, None]
