"""The state of a run: what it is made of, kept on disk, and taken up again."""

import copy
import dataclasses
import json
import os
import platform
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from qsmnet_bids.errors import SettingsError
from qsmnet_bids.networks.network import Network
from training.evidence import Evidence
from training.files import replace
from training.muon import Muon
from training.recipe import MAY_CHANGE, Recipe, build_network

CHECKPOINT = 'checkpoint.pt'
VERSION = 2
"""Of what a checkpoint holds."""


@dataclass
class Run:
    """What a checkpoint holds.

    It has no state of a random generator: all random numbers of a step follow from the seed, the
    step and the process.

    Parameters
    ----------
    recipe
        Being followed.
    network, optimiser
        Being trained.
    average
        Moving average of the network.
    step
        Steps done.
    seconds
        Spent in steps.
    origins
        Revision, hardware and versions of each part of the run.
    stages
        Runs that came before it, whose weights it took up, the first one first.
    figures
        Last validation.
    evidence
        That a judge is to be fitted to.
    """

    recipe: Recipe
    network: Network
    optimiser: torch.optim.Optimizer
    average: Network
    step: int = 0
    seconds: float = 0.0
    origins: list[dict[str, str]] = field(default_factory=list)
    stages: list[dict[str, Any]] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    evidence: Evidence | None = None


def start(recipe: Recipe, run_dir: Path, *, device: torch.device, restart: bool) -> Run:
    """Build the network, or go on where a checkpoint stands.

    Parameters
    ----------
    recipe
        To follow.
    run_dir
        May hold a checkpoint.
    device
        Of the network.
    restart
        Whether to begin anew all the same.

    Raises
    ------
    SettingsError
        If the checkpoint is of another recipe, or the run to start from is missing or of another
        network.
    """
    torch.manual_seed(recipe.seed)
    network = build_network(recipe).to(device)
    network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    path = run_dir / CHECKPOINT
    goes_on = path.exists() and not restart
    stages = []
    if recipe.starts_from and not goes_on:
        stages = _take_up(run_dir.parent / recipe.starts_from / CHECKPOINT, recipe, network)
    average = copy.deepcopy(network).eval().requires_grad_(requires_grad=False)
    optimiser = _optimiser(recipe, network)
    run = Run(recipe, network, optimiser, average, stages=stages)
    if goes_on:
        # by way of the CPU, where the optimiser keeps its count of steps
        stored = load(path)
        _refuse_change(stored['recipe'], recipe, path)
        network.load_state_dict(stored['network'])
        average.load_state_dict(stored['average'])
        optimiser.load_state_dict(stored['optimiser'])
        run.step, run.seconds = stored['step'], stored['seconds']
        run.origins, run.figures = stored['origins'], stored['figures']
        run.stages = stored['stages']
        if evidence := stored.get('evidence'):
            run.evidence = Evidence(**evidence)
    here = _origin(device)
    if here not in run.origins:
        run.origins.append(here)
    return run


def save(run: Run, run_dir: Path) -> None:
    """Put a checkpoint in the place of the last one; it is whole or not there.

    Parameters
    ----------
    run
        To keep.
    run_dir
        Holds ``checkpoint.pt``.
    """
    content = {
        'version': VERSION,
        'recipe': json.dumps(dataclasses.asdict(run.recipe)),
        'network': run.network.state_dict(),
        'average': run.average.state_dict(),
        'optimiser': run.optimiser.state_dict(),
        'step': run.step,
        'seconds': run.seconds,
        'origins': json.dumps(run.origins),
        'stages': json.dumps(run.stages),
        'figures': run.figures,
        'evidence': run.evidence and run.evidence._asdict(),
    }
    replace(run_dir / CHECKPOINT, lambda temporary: torch.save(content, temporary))


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint into the CPU's memory.

    Parameters
    ----------
    path
        Of the file.

    Raises
    ------
    SettingsError
        If it is missing or was written by another version of this code.
    """
    if not path.exists():
        raise SettingsError(f'{path}: no such checkpoint; name the folder of a run')
    stored: dict[str, Any] = torch.load(path, map_location='cpu', weights_only=True)
    if stored.get('version') != VERSION:
        raise SettingsError(
            f'{path}: written by another version of the training; --restart begins anew'
        )
    stored.setdefault('stages', '[]')  # runs that began before there were any
    for name in ('recipe', 'origins', 'stages'):
        stored[name] = json.loads(stored[name])
    return stored


def _optimiser(recipe: Recipe, network: Network) -> torch.optim.Optimizer:
    if recipe.optimiser == 'muon':
        return Muon(network, recipe.learning_rate, recipe.betas)
    return torch.optim.Adam(network.parameters(), recipe.learning_rate, recipe.betas)


def _take_up(path: Path, recipe: Recipe, network: Network) -> list[dict[str, Any]]:
    """Fill a network with another run's averaged weights, and tell where they come from."""
    stored = load(path)
    before = stored['recipe']
    if before['network'] != json.loads(json.dumps(recipe.network)):
        raise SettingsError(
            f'{path}: its network is {before["network"]}; starts_from needs the same network as '
            f'{recipe.name}, {dict(recipe.network)}'
        )
    network.load_state_dict(stored['average'])
    stage = {
        'recipe': before,
        'steps': stored['step'],
        'samples': stored['step'] * before['batch_size'],
        'minutes': round(stored['seconds'] / 60, 1),
        'revision': stored['origins'][-1]['revision'],
    }
    return [*stored['stages'], stage]


def _refuse_change(stored: dict[str, Any], recipe: Recipe, path: Path) -> None:
    stored = json.loads(json.dumps(dataclasses.asdict(Recipe(recipe.name)))) | stored
    wanted = json.loads(json.dumps(dataclasses.asdict(recipe)))
    changed = [
        f'{name} was {stored.get(name)!r} and is {wanted.get(name)!r}'
        for name in sorted(set(stored) | set(wanted))
        if name not in MAY_CHANGE and stored.get(name) != wanted.get(name)
    ]
    if changed:
        raise SettingsError(
            f'{path}: made with another recipe: {"; ".join(changed)}. '
            'Name another --run-dir, or begin anew with --restart'
        )


def _origin(device: torch.device) -> dict[str, str]:
    if device.type == 'cuda':
        hardware = torch.cuda.get_device_name(device)
    else:
        hardware = f'{platform.machine()}, {len(os.sched_getaffinity(0))} cores'
    return {
        'hardware': hardware,
        'torch': str(torch.__version__),
        'threads': str(torch.get_num_threads()),
        'processes': os.environ.get('WORLD_SIZE', '1'),
        'revision': _revision(),
    }


def _revision() -> str:
    """Name the commit, with a plus where files differ from it; unknown outside a clone."""
    git = ['git', '-C', str(Path(__file__).parent)]
    try:
        described = subprocess.run(  # noqa: S603 -- no argument comes from outside
            [*git, 'describe', '--always', '--abbrev=40', '--dirty=+', '--exclude=*'],
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return 'unknown'
    return described.stdout.strip() or 'unknown'
