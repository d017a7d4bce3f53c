"""How good a network is on samples that it was never trained on."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from qsmnet_bids.metrics import mae, rmse, slope_intercept, ssim
from qsmnet_bids.networks.precision import fast_bfloat16
from qsmnet_bids.networks.sample import Sample
from training.batches import Batch, Mixture, Source
from training.recipe import Recipe, build_source

SEED_OFFSET = 1_000_000
"""Between the seed of the training samples and that of the fixed set."""
N_SHOWN = 3
"""Samples in the picture."""

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Validation:
    """What a validation found.

    Parameters
    ----------
    figures
        ``rmse``, ``mae`` and ``intercept``, ppm, ``slope`` and ``ssim``, each the mean over the
        samples, and ``rmse_sd`` and ``ssim_sd``, the standard deviation over them.
    picture
        Grey values; a row per sample: field, label, output, output less label.
    """

    figures: dict[str, float]
    picture: Picture


def validation_set(recipe: Recipe, device: torch.device) -> list[Batch]:
    """Make the fixed set.

    Parameters
    ----------
    recipe
        Its data, its seed and the size of the set.
    device
        Where the set is made and stays; another kind of device makes another set of the same sort.

    Returns
    -------
        Batches of one sample.
    """
    source, seed = _held_out(build_source(recipe)), recipe.seed + SEED_OFFSET
    return [
        source.batch(seed=seed, step=index, size=1, device=device)
        for index in range(recipe.validation_samples)
    ]


@torch.no_grad()
def validate(network: nn.Module, batches: list[Batch]) -> Validation:
    """Compare a network's answers with the labels.

    Parameters
    ----------
    network
        In evaluation mode.
    batches
        Of one sample each.
    """
    rows: list[dict[str, float]] = []
    strips: list[Picture] = []
    for batch in batches:
        output = predict(network, batch.sample)
        estimate, truth = _volume(output), _volume(batch.label)
        mask = _volume(batch.sample.mask) > 0
        slope, intercept = slope_intercept(estimate, truth, mask)
        rows.append(
            {
                'rmse': rmse(estimate, truth, mask),
                'mae': mae(estimate, truth, mask),
                'slope': slope,
                'intercept': intercept,
                'ssim': ssim(estimate, truth, mask),
            }
        )
        if len(strips) < N_SHOWN:
            strips.append(_strip(_volume(batch.sample.field), truth, estimate * mask))
    figures = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    for name in ('rmse', 'ssim'):
        figures[f'{name}_sd'] = float(np.std([row[name] for row in rows]))
    return Validation(figures, _stack(strips))


def predict(network: nn.Module, sample: Sample) -> Tensor:
    """Apply a network in the precision in which it is trained and used.

    Parameters
    ----------
    network
        Takes a sample.
    sample
        Sets the device.

    Returns
    -------
        ppm, float32, shape ``(n, 1, x, y, z)``.
    """
    device = sample.field.device
    with torch.autocast(device.type, torch.bfloat16, enabled=fast_bfloat16(device)):
        output = network(sample)
    return output.float()


def moved(batch: Batch, device: torch.device | str) -> Batch:
    """Put a batch on a device.

    Parameters
    ----------
    batch
        Anywhere.
    device
        Where to put it.
    """
    tensors = {
        one.name: value.to(device)
        for one in dataclasses.fields(Sample)
        if (value := getattr(batch.sample, one.name)) is not None
    }
    return Batch(Sample(**tensors), batch.label.to(device))


def _held_out(source: Source) -> Source:
    """Turn to the part that a source keeps for validation, if it has one beside other seeds."""
    if isinstance(source, Mixture):
        return Mixture(tuple(_held_out(one) for one in source.sources), source.weights)
    if dataclasses.is_dataclass(source) and hasattr(source, 'split'):
        return dataclasses.replace(source, split='validation')
    return source


def _volume(tensor: Tensor) -> NDArray[np.float32]:
    return tensor[0, 0].float().cpu().numpy()


def _strip(
    field: NDArray[np.float32], truth: NDArray[np.float32], estimate: NDArray[np.float32]
) -> Picture:
    middle = field.shape[2] // 2
    window = max(float(np.abs(truth[:, :, middle]).max()), 1e-6)
    field_window = max(float(np.abs(field[:, :, middle]).max()), 1e-6)
    panels = [
        _grey(volume[:, ::-1, middle].T, limit)
        for volume, limit in (
            (field, field_window),
            (truth, window),
            (estimate, window),
            (estimate - truth, window),
        )
    ]
    return np.concatenate(panels, axis=1)


def _grey(plane: NDArray[np.float32], limit: float) -> Picture:
    return (127.5 * (1 + np.clip(plane / limit, -1, 1))).astype(np.uint8)


def _stack(strips: list[Picture]) -> Picture:
    """Put pictures of any widths below each other."""
    width = max(strip.shape[1] for strip in strips)
    return np.concatenate(
        [np.pad(strip, ((0, 0), (0, width - strip.shape[1]))) for strip in strips]
    )
