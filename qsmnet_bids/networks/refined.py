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

import torch
from torch import Tensor, nn

from qsmnet_bids.networks.closed_form import Task, tikhonov_kernel, trust
from qsmnet_bids.networks.cone import unexplained_shares
from qsmnet_bids.networks.doubt import CLEAN, doubted
from qsmnet_bids.networks.fourier import convolve
from qsmnet_bids.networks.informed import GAIN
from qsmnet_bids.networks.network import Need, Network
from qsmnet_bids.networks.sample import Sample
from qsmnet_bids.networks.scaling import VOXELS, divisor, mean_magnitude
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
N_SIGNS, N_HIDDEN = 2 * len(STAGES) + 3, 16
"""What the shares of the maps are judged by, and the units of that network."""
HASTE = 10.0
"""Of the shares' logits: the few weights behind them learn as much faster than the others."""
LEAN = 0.3
"""What smooth errors add to the logit of the last map, and take from the first's. What background
removal leaves is the field of sources outside, which the cone does not show as errors; where it
does show smooth ones, cheap sources outside would take up the tissue's own field with them."""
LEAST_SIGN = 0.01
"""Below it, shares of the field or of a map are all the same."""


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
        last = nn.Linear(N_HIDDEN, len(STAGES))
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.judge = nn.Sequential(nn.Linear(N_SIGNS, N_HIDDEN), nn.Tanh(), last)
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
        share = doubt.share
        weight = trust(noise, known)
        found = least_variation(
            field,
            weight,
            kernel,
            sizes,
            price=doubt.price(),
            stages=STAGES,
            more=(MORE * (1 - share.sqrt() / CLEAN).clamp(min=0)).round(),
        )
        maps, outer = found.maps * known, found.outer * known
        left, relied = field - outer, found.reliance
        logits = HASTE * self.judge(_signs(maps, field, outer, noise, kernel, known, relied))
        shares = _leaning(logits, doubt.smooth).softmax(1)
        chi = torch.einsum('nkxyz,nk->nxyz', maps, shares)[:, None]
        floor, most = self.penalty.exp()
        inverse = tikhonov_kernel(kernel, floor + most * share[:, None, None, None])
        move = convolve(relied * weight * (left - convolve(chi, kernel)), inverse) * known
        chi = chi + self.step * move
        differences = maps[:, :-1] - maps[:, 1:]
        seen = [chi / GAIN, move / GAIN, mask, known, torch.log1p(noise)]
        seen += [differences / GAIN, left, torch.asinh(outer)]
        learnt = self.unet(torch.cat(seen, dim=1)).to(scale.dtype)
        if self.measured is None:
            return (chi + GAIN * learnt) * mask * scale
        own = convolve(chi, kernel)
        return (own + self.measured * known * (left - own) + learnt) * mask * scale


def _leaning(logits: Tensor, smooth: Tensor) -> Tensor:
    """Lean to the last map by how smooth errors are; shape ``(n, len(STAGES))``."""
    lean = LEAN * smooth
    middle = torch.zeros_like(logits[:, 1:-1])
    return logits + torch.cat([-lean[:, None], middle, lean[:, None]], dim=1)


@torch.no_grad()
def _signs(
    maps: Tensor,
    field: Tensor,
    outer: Tensor,
    noise: Tensor,
    kernel: Tensor,
    known: Tensor,
    relied: Tensor,
) -> Tensor:
    """Tell how well maps explain a field, and how they differ; shape ``(n, N_SIGNS)``."""
    strength = divisor(field.square().sum(VOXELS))
    powers = [outer.square(), noise.square()]
    for index in range(maps.shape[1]):
        own = convolve(maps[:, index : index + 1], kernel)
        powers.append((relied * known * (own - field + outer)).square())
    powers.append((relied * known * (own - field)).square())
    signs = [power.sum(VOXELS) / strength for power in powers]
    space = (2, 3, 4)
    # no field tells a map's mean
    means = maps.sum(space, keepdim=True) / known.sum(space, keepdim=True).clamp(min=1)
    seen = (maps - means) * known
    sizes = seen.square().sum(space)
    changes = (seen[:, :-1] - seen[:, 1:]).square().sum(space) / divisor(sizes[:, :-1])
    total = sizes[:, -1:] / divisor(sizes[:, :1])
    shares = torch.cat([torch.stack(signs, dim=1), changes, total], dim=1)
    return (shares.sqrt() + LEAST_SIGN).log()


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
