"""Turn a checkpoint into a weights file and its model card."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from qsmnet_bids.weights.cards import WEIGHTS_DIR
from training.checkpoint import CHECKPOINT, load
from training.files import replace_bytes, replace_text
from training.recipe import recipe_from, task

TASKS = {
    'dipole': 'dipole inversion: local field (ppm) to susceptibility (ppm)',
    'background': 'background removal: total field (ppm) to local field (ppm)',
    'onestep': 'both in one step: total field (ppm) to susceptibility (ppm)',
}


def export(run_dir: Path, output: Path | None = None, *, name: str | None = None) -> Path:
    """Write the averaged weights in half precision, and the model card beside them.

    Parameters
    ----------
    run_dir
        Holds a checkpoint.
    output
        Folder; that of the shipped weights if None.
    name
        Of the weights; that of the recipe if None.

    Returns
    -------
        Path of the model card.

    Raises
    ------
    SettingsError
        If there is no checkpoint.
    """
    stored = load(run_dir / CHECKPOINT)
    content = dict(stored['recipe'])
    recipe = recipe_from(content, name=content.pop('name'))
    name, output = name or recipe.name, output or WEIGHTS_DIR
    data = save({key: _halved(value) for key, value in stored['average'].items()})
    card = {
        'name': name,
        'file': f'{name}.safetensors',
        'sha256': hashlib.sha256(data).hexdigest(),
        'task': TASKS[task(recipe)],
        'network': dict(recipe.network),
        'intended_use': recipe.intended_use,
        'limits': recipe.limits,
        'training': _training(stored),
    }
    output.mkdir(parents=True, exist_ok=True)
    replace_bytes(output / f'{name}.safetensors', data)
    path = output / f'{name}.json'
    replace_text(path, json.dumps(card, indent=2) + '\n')
    return path


def _halved(value: torch.Tensor) -> torch.Tensor:
    """Halve what is real; counters stay whole."""
    return (value.half() if value.is_floating_point() else value).contiguous()


def _training(stored: dict[str, Any]) -> dict[str, Any]:
    """Say how the weights were made."""
    recipe, origins = stored['recipe'], stored['origins']
    return {
        'recipe': recipe,
        'seed': recipe['seed'],
        'steps': stored['step'],
        'samples': stored['step'] * recipe['batch_size'],
        'minutes': round(stored['seconds'] / 60, 1),
        'revision': origins[-1]['revision'],
        'hardware': origins[-1]['hardware'],
        'torch': origins[-1]['torch'],
        'parts': origins,
        'earlier_stages': stored['stages'],
        'validation': {'samples': recipe['validation_samples'], **stored['figures']},
    }
