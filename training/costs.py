"""What a recipe costs, before it is run."""

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from training.losses import weighted_loss
from training.progress import duration
from training.recipe import Recipe, build_network, build_source
from training.validation import moved

CPU_FLOPS = 70e9
"""What two shared cores gave in float32 on the baseline, at batches of 32, FLOP/s."""
MAPS_SECONDS = 2.0
"""To make a world of 64 to 128 voxels a side and the maps of a refined network, one busy core."""
H200_FLOPS = 0.05 * 989e12
"""A twentieth of the peak in bfloat16, FLOP/s: thin layers cannot fill it. Assumed."""
ASSUMPTIONS = (
    f'Times: 2 CPU cores at {CPU_FLOPS / 1e9:.0f} GFLOP/s in float32 (measured on deepqsm); '
    'an H200 at a twentieth of its 989 TFLOP/s in bfloat16 (assumed, not measured); '
    'both without data, validation and the maps that refined networks start from.'
)


@dataclass(frozen=True)
class Cost:
    """What a recipe takes.

    Parameters
    ----------
    shape
        Voxels of a sample.
    n_weights
        Of the network.
    flops
        Floating-point operations per sample, forward and backward; convolutions and products
        count, the rest is small.
    n_samples
        In all steps.
    """

    shape: tuple[int, ...]
    n_weights: int
    flops: float
    n_samples: int

    def seconds(self, flops_per_second: float) -> float:
        """Estimate how long the whole recipe takes.

        Parameters
        ----------
        flops_per_second
            That the machine reaches.
        """
        return self.n_samples * self.flops / flops_per_second


def cost(recipe: Recipe) -> Cost:
    """Count a training step's operations, without doing them.

    Parameters
    ----------
    recipe
        To count.
    """
    source = build_source(recipe)
    one = source.batch(seed=recipe.seed, step=0, size=1, device=torch.device('cpu'))
    shape = tuple(one.label.shape[2:])
    batch = moved(one, 'meta')
    with torch.device('meta'):
        network = build_network(recipe)
    with FlopCounterMode(display=False) as counter:
        output = network(batch.sample)
        loss = weighted_loss(output, batch.label, batch.sample, weights=recipe.loss)
        torch.autograd.backward(loss)
    n_weights = sum(parameter.numel() for parameter in network.parameters())
    flops = float(counter.get_total_flops())
    return Cost(shape, n_weights, flops, recipe.steps * recipe.batch_size)


def describe(recipe: Recipe) -> str:
    """Say in two lines what a recipe is for and what it costs.

    Parameters
    ----------
    recipe
        To describe.
    """
    found = cost(recipe)
    shape = ' x '.join(str(side) for side in found.shape)
    if recipe.learns == 'judge':
        return (
            f'{recipe.name}: {recipe.description}\n'
            f'    {found.n_weights / 1e6:.2f} M weights, of which only the judge learns from '
            f'{found.n_samples:,} samples, the first of {shape} voxels; '
            f'their maps take a core {duration(found.n_samples * MAPS_SECONDS)}'
        )
    petaflops = found.n_samples * found.flops / 1e15
    times = [duration(found.seconds(rate)) for rate in (CPU_FLOPS, H200_FLOPS)]
    return (
        f'{recipe.name}: {recipe.description}\n'
        f'    {found.n_weights / 1e6:.2f} M weights, {found.n_samples:,} samples of {shape} '
        f'voxels at {found.flops / 1e9:.3g} GFLOP, {petaflops:.3g} PFLOP; '
        f'2 CPU cores: {times[0]}, H200: {times[1]}'
    )
