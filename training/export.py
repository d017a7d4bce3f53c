"""Turn a checkpoint into a weights file and its model card."""

import dataclasses
import hashlib
import json
import os
from pathlib import Path

import torch
from safetensors.torch import save

from qsmnet_bids.weights.cards import WEIGHTS_DIR
from training.recipe import Recipe


def export(recipe: Recipe, run_dir: Path, output: Path | None = None) -> Path:
    """Write the averaged weights in half precision, and the model card beside them.

    Parameters
    ----------
    recipe
        That was trained.
    run_dir
        Holds ``checkpoint.pt`` and ``log.jsonl``.
    output
        Folder; that of the shipped weights if None.

    Returns
    -------
        Path of the model card.
    """
    output = output or WEIGHTS_DIR
    stored = torch.load(run_dir / 'checkpoint.pt', map_location='cpu', weights_only=True)
    weights = {name: value.half().contiguous() for name, value in stored['average'].items()}
    data = save(weights)
    log = [json.loads(line) for line in (run_dir / 'log.jsonl').read_text().splitlines()]
    validation = [line for line in log if 'rmse' in line][-1]
    steps = stored['step']
    card = {
        'name': recipe.name,
        'file': f'{recipe.name}.safetensors',
        'sha256': hashlib.sha256(data).hexdigest(),
        'task': 'dipole inversion: local field (ppm) to susceptibility (ppm)',
        'network': {'constructor': 'UNet', **recipe.network},
        'field_scale': recipe.field_scale,
        'chi_scale': recipe.chi_scale,
        'training_field_sd': recipe.field_scale,
        'intended_use': 'Research. B0 along z and cubic voxels; other data are resampled to that.',
        'limits': (
            'Trained on closed worlds of geometric objects, free of noise, seen whole: larger '
            'volumes, noise, and sources outside the mask lie outside what it has learnt.'
        ),
        'training': {
            'recipe': dataclasses.asdict(dataclasses.replace(recipe, steps=steps)),
            'samples': steps * recipe.batch_size,
            'minutes': round(stored['seconds'] / 60, 1),
            'hardware': _hardware(),
            'torch': str(torch.__version__),
            'validation': {
                'samples': recipe.validation_samples,
                'rmse_ppm': round(validation['rmse'], 4),
                'slope': round(validation['slope'], 4),
            },
        },
    }
    output.mkdir(parents=True, exist_ok=True)
    (output / f'{recipe.name}.safetensors').write_bytes(data)
    path = output / f'{recipe.name}.json'
    path.write_text(json.dumps(card, indent=2) + '\n')
    return path


def _hardware() -> str:
    """Name what this machine computes on, taken for what the run was made on."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f'{os.cpu_count()} cores of a processor'
