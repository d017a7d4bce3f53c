"""The training loop."""

import json
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from qsmnet_bids.networks.precision import fast_bfloat16
from qsmnet_bids.networks.unet import UNet
from training.datasets import GeometricWorlds, batch
from training.losses import LOSSES
from training.recipe import Recipe

VALIDATION_SEED_OFFSET = 1_000_000


@dataclass
class Run:
    """What a checkpoint holds.

    Parameters
    ----------
    network, optimiser
        Being trained.
    average
        Moving average of the network's state.
    step
        Steps done.
    seconds
        Spent in steps.
    """

    network: UNet
    optimiser: torch.optim.Adam
    average: dict[str, Tensor]
    step: int = 0
    seconds: float = 0.0


def train(recipe: Recipe, run_dir: Path, *, device: torch.device, max_minutes: float) -> Path:
    """Train until the recipe's steps or the minutes are over, going on from a checkpoint.

    Parameters
    ----------
    recipe
        What to train.
    run_dir
        Holds ``checkpoint.pt`` and ``log.jsonl``.
    device
        Where to train.
    max_minutes
        Stop cleanly after these.

    Returns
    -------
        Path of the checkpoint.

    Raises
    ------
    FloatingPointError
        If the loss is not finite; the last good checkpoint stays.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    run = _start(recipe, run_dir / 'checkpoint.pt', device)
    worlds = GeometricWorlds(**recipe.data)
    held_out = recipe.seed + VALIDATION_SEED_OFFSET
    validation = batch(worlds, seed=held_out, step=0, size=recipe.validation_samples)
    half = fast_bfloat16(device)
    started = time.monotonic()
    while run.step < recipe.steps and time.monotonic() - started < 60 * max_minutes:
        step_started = time.monotonic()
        for group in run.optimiser.param_groups:
            group['lr'] = recipe.learning_rate * rate_factor(run.step, recipe)
        field, chi = batch(worlds, seed=recipe.seed, step=run.step, size=recipe.batch_size)
        data_seconds = time.monotonic() - step_started
        run.network.train()
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            output = run.network(_place(field / recipe.field_scale, device))
        loss = LOSSES[recipe.loss](output.float() * recipe.chi_scale, chi.to(device))
        if not math.isfinite(loss.item()):
            raise FloatingPointError(f'loss is {loss.item()} at step {run.step}')
        run.optimiser.zero_grad()
        torch.autograd.backward(loss)
        norm = nn.utils.clip_grad_norm_(run.network.parameters(), recipe.clip_norm)
        run.optimiser.step()
        _update_average(
            run.average, run.network, min(recipe.ema_decay, run.step / (run.step + 10))
        )
        run.step += 1
        seconds = time.monotonic() - step_started
        run.seconds += seconds
        line = {
            'step': run.step,
            'loss': loss.item(),
            'norm': norm.item(),
            'data_seconds': data_seconds,
            'step_seconds': seconds,
        }
        if run.step % recipe.validation_every == 0:
            line |= validate(run.network, run.average, validation, recipe=recipe)
            _save(run_dir / 'checkpoint.pt', run)
        _append(run_dir / 'log.jsonl', line)
    _save(run_dir / 'checkpoint.pt', run)
    return run_dir / 'checkpoint.pt'


def rate_factor(step: int, recipe: Recipe) -> float:
    """Give the learning rate relative to the recipe's: warm-up, constant, cosine to zero.

    Parameters
    ----------
    step
        Steps done.
    recipe
        Its steps, warm-up and decay.
    """
    warm = min(1.0, (step + 1) / max(1, recipe.warmup_steps))
    decay_steps = max(1.0, recipe.decay_fraction * recipe.steps)
    left = min(1.0, (recipe.steps - step) / decay_steps)
    return warm * 0.5 * (1 - math.cos(math.pi * left))


@torch.no_grad()
def validate(
    network: UNet,
    average: dict[str, Tensor],
    validation: tuple[Tensor, Tensor],
    *,
    recipe: Recipe,
) -> dict[str, float]:
    """Measure the averaged weights on the fixed set.

    Parameters
    ----------
    network
        Its own weights are back in place afterwards.
    average
        State to measure.
    validation
        Fields and susceptibilities, ppm.
    recipe
        Its scales.

    Returns
    -------
        ``rmse`` in ppm, and ``slope`` of the regression of output on label.
    """
    own = _copy(network)
    network.load_state_dict(average)
    network.eval()
    fields, label = validation
    device = next(network.parameters()).device
    with torch.autocast(device.type, torch.bfloat16, enabled=fast_bfloat16(device)):
        parts = [
            network(_place(field[None] / recipe.field_scale, device)).float().cpu()
            for field in fields
        ]
    network.load_state_dict(own)
    output = torch.cat(parts).flatten() * recipe.chi_scale
    label = label.flatten()
    centred = label - label.mean()
    return {
        'rmse': (output - label).square().mean().sqrt().item(),
        'slope': (centred @ output / (centred @ centred)).item(),
    }


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def _append(path: Path, line: dict[str, float]) -> None:
    with path.open('a') as log:
        log.write(json.dumps(line) + '\n')


def _place(volumes: Tensor, device: torch.device) -> Tensor:
    return volumes.to(device, memory_format=torch.channels_last_3d)


@torch.no_grad()
def _update_average(average: dict[str, Tensor], network: nn.Module, decay: float) -> None:
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            average[name].lerp_(value, 1 - decay)
        else:
            average[name].copy_(value)


def _start(recipe: Recipe, checkpoint: Path, device: torch.device) -> Run:
    """Build the network, and go on where a checkpoint stands."""
    torch.manual_seed(recipe.seed)
    network = UNet(**recipe.network).to(device)
    for parameter in network.parameters():
        if parameter.dim() == 5:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last_3d)
    optimiser = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate, betas=recipe.betas)
    if not checkpoint.exists():
        return Run(network, optimiser, _copy(network))
    stored = torch.load(checkpoint, map_location=device, weights_only=True)
    network.load_state_dict(stored['network'])
    optimiser.load_state_dict(stored['optimiser'])
    return Run(network, optimiser, stored['average'], stored['step'], stored['seconds'])


def _save(path: Path, run: Run) -> None:
    temporary = path.with_suffix('.tmp')
    content = {
        'network': run.network.state_dict(),
        'optimiser': run.optimiser.state_dict(),
        'average': run.average,
        'step': run.step,
        'seconds': run.seconds,
    }
    torch.save(content, temporary)
    with temporary.open('rb') as file:
        os.fsync(file.fileno())
    temporary.replace(path)
