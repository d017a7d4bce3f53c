"""A recipe that is trained in a second."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import torch

from training.processes import Processes
from training.recipe import Recipe
from training.train import train

ROOT = Path(__file__).parents[2]
CPU = torch.device('cpu')
ALONE = Processes(0, 1, CPU)

TINY = Recipe(
    name='tiny',
    steps=6,
    batch_size=2,
    warmup_steps=1,
    validation_every=3,
    validation_samples=2,
    ema_decay=0.5,
    network={'architecture': 'direct', 'features': 2, 'depth': 2, 'dropout': 0.1},
    data={'source': 'geometric', 'size': 16, 'n_objects': 5},
)

TOML = """
seed = 3
steps = {steps}
batch_size = 2
validation_every = 20
validation_samples = 1
[network]
architecture = "direct"
features = 2
depth = 2
dropout = 0.1
[data]
source = "geometric"
size = 16
n_objects = 5
"""


def run(recipe: Recipe, folder: Path, **options) -> dict:
    """Train in this process, and read the checkpoint."""
    train(recipe, folder, processes=ALONE, **options)
    return torch.load(folder / 'checkpoint.pt', weights_only=True)


def write_recipe(folder: Path, *, steps: int) -> Path:
    """Write a recipe for a process of its own."""
    path = folder / 'tiny.toml'
    path.write_text(TOML.format(steps=steps))
    return path


def command(*arguments, launcher=('-m', 'training')) -> list[str]:
    return [sys.executable, *launcher, *(str(one) for one in arguments)]


def spawn(*arguments, **options) -> subprocess.Popen:
    """Start the command line with one thread."""
    environment = os.environ | {'OMP_NUM_THREADS': '1', 'OMP_WAIT_POLICY': 'PASSIVE'}
    pipes = {'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE, 'text': True}
    return subprocess.Popen(command(*arguments, **options), cwd=ROOT, env=environment, **pipes)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """Read all the tensors that decide how a run goes on."""
    stored = torch.load(folder / 'checkpoint.pt', weights_only=True)
    moments = {
        f'optimiser.{index}.{name}': value
        for index, state in stored['optimiser']['state'].items()
        for name, value in state.items()
    }
    parts = {
        f'{part}.{name}': value
        for part in ('network', 'average')
        for name, value in stored[part].items()
    }
    return parts | moments


def assert_same_weights(folder: Path, other: Path) -> None:
    expected, found = weights(folder), weights(other)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert torch.equal(value, found[name]), name


def log(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / 'log.jsonl').read_text().splitlines()]


def table(folder: Path) -> list[dict]:
    with (folder / 'runs.csv').open() as file:
        return list(csv.DictReader(file))
