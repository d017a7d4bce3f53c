"""``python -m training COMMAND``."""

import argparse
import dataclasses
import json
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from qsmnet_bids.errors import QsmError, SettingsError, WeightsError
from training.checkpoint import CHECKPOINT, load
from training.compare import write_comparison
from training.costs import ASSUMPTIONS, describe
from training.evaluate import evaluate
from training.export import export
from training.packing import pack, unpack
from training.pairs import export_pairs
from training.processes import joined
from training.recipe import build_source
from training.recipe_file import RECIPES_DIR, find_recipe, read_recipe
from training.stability import stability
from training.tracking import write_table
from training.train import train

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

RUNS_DIR = Path('runs')

DONE, FAILED, GOES_ON = 0, 1, 75
"""Exit codes; the last one says that the same command goes on from the checkpoint."""


def main(argv: list[str] | None = None) -> int:
    """Run one command of the training.

    Parameters
    ----------
    argv
        Arguments; those of the process if None.

    Returns
    -------
        0 when all is done, 1 after an error, 75 when a run was stopped and saved before its end.
    """
    arguments = _parser().parse_args(argv)
    try:
        return int(COMMANDS[arguments.command](arguments))
    except (QsmError, FloatingPointError) as error:
        sys.stderr.write(f'{error}\n')
        if isinstance(error, FloatingPointError):
            sys.stderr.write('The checkpoint from before that stays; a lower rate may help.\n')
        return FAILED


def _train(arguments: argparse.Namespace) -> int:
    if arguments.nice:
        os.nice(arguments.nice)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    recipe = read_recipe(find_recipe(arguments.recipe))
    if arguments.steps:
        recipe = dataclasses.replace(recipe, steps=arguments.steps)
    torch.set_float32_matmul_precision('high')
    torch.backends.cudnn.benchmark = True
    with joined(torch.device(arguments.device)) as processes:
        is_done = train(
            recipe,
            arguments.run_dir or RUNS_DIR / recipe.name,
            processes=processes,
            restart=arguments.restart,
            max_minutes=arguments.max_minutes,
            save_minutes=arguments.save_minutes,
        )
    return DONE if is_done else GOES_ON


def _list(_: argparse.Namespace) -> int:
    for path in sorted(RECIPES_DIR.glob('*.toml'), key=lambda path: path.stem):
        sys.stdout.write(f'{describe(read_recipe(path))}\n')
    sys.stdout.write(f'{ASSUMPTIONS}\n')
    return DONE


def _evaluate(arguments: argparse.Namespace) -> int:
    recipe = read_recipe(find_recipe(arguments.recipe)) if arguments.recipe else None
    found = evaluate(arguments.weights, recipe, device=torch.device(arguments.device))
    sys.stdout.write(json.dumps(found, indent=2) + '\n')
    return DONE


def _stability(arguments: argparse.Namespace) -> int:
    sys.stdout.write('| experiment | method | RMSE, ppm | slope | SSIM |\n|---|---|---|---|---|\n')
    try:
        for row in stability(arguments.methods, n_samples=arguments.samples):
            figures = f'{row.rmse:.4f} | {row.slope:.3f} | {row.ssim:.3f}'
            sys.stdout.write(f'| {row.experiment} | {row.method} | {figures} |\n')
            sys.stdout.flush()
    except ValueError as error:
        raise SettingsError(str(error)) from error
    return DONE


def _brain(arguments: argparse.Namespace) -> int:
    from training.numerical_brain import compare  # noqa: PLC0415 - its heads need nibabel

    head = (
        '| experiment | method | RMSE, ppm | slope | SSIM | covered |\n|---|---|---|---|---|---|\n'
    )
    sys.stdout.write(head)
    try:
        for row in compare(arguments.methods, seed=arguments.seed):
            figures = f'{row.rmse:.4f} | {row.slope:.3f} | {row.ssim:.3f} | {row.covered:.2f}'
            sys.stdout.write(f'| {row.experiment} | {row.method} | {figures} |\n')
            sys.stdout.flush()
    except ValueError as error:
        raise SettingsError(str(error)) from error
    return DONE


def _export(arguments: argparse.Namespace) -> int:
    card = export(_run_dir(arguments.run), arguments.output, name=arguments.name)
    sys.stdout.write(f'{card}\n')
    return DONE


def _pack(arguments: argparse.Namespace) -> int:
    run_dir = _run_dir(arguments.run)
    folder = arguments.folder or run_dir / 'packed'
    sys.stdout.write(f'{pack(run_dir / CHECKPOINT, folder)}\n')
    return DONE


def _unpack(arguments: argparse.Namespace) -> int:
    if (arguments.run_dir / CHECKPOINT).exists() and not arguments.force:
        raise WeightsError(
            f'{arguments.run_dir / CHECKPOINT}: stands already; --force replaces it'
        )
    path = unpack(arguments.folder, arguments.run_dir)
    sys.stdout.write(f'{path}: step {load(path)["step"]}\n')
    return DONE


def _compare(arguments: argparse.Namespace) -> int:
    sys.stdout.write(f'{write_table(arguments.runs)}\n{write_comparison(arguments.runs)}\n')
    return DONE


def _samples(arguments: argparse.Namespace) -> int:
    recipe = read_recipe(find_recipe(arguments.recipe))
    folder = arguments.output or RUNS_DIR / f'{recipe.name}-samples'
    seed = recipe.seed if arguments.seed is None else arguments.seed
    try:
        written = export_pairs(build_source(recipe), arguments.export, folder, seed=seed)
    except ValueError as error:
        raise SettingsError(f'--export {arguments.export}: {error}') from error
    sys.stdout.write(f'{folder}: {len(written)} files\n')
    return DONE


COMMANDS = {
    'train': _train,
    'list': _list,
    'samples': _samples,
    'evaluate': _evaluate,
    'stability': _stability,
    'brain': _brain,
    'export': _export,
    'pack': _pack,
    'unpack': _unpack,
    'compare': _compare,
}


def _run_dir(run: str) -> Path:
    """Accept the path of a run's folder, or its name in ``runs``."""
    return Path(run) if Path(run).is_dir() else RUNS_DIR / run


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='python -m training', description=__doc__)
    commands = parser.add_subparsers(dest='command', required=True)
    device = 'cuda' if torch.cuda.is_available() else 'cpu'

    command = commands.add_parser('train', help='train, or go on where a checkpoint stands')
    command.add_argument('recipe', help='TOML file, or a name of "training list"')
    command.add_argument('--run-dir', type=Path, help='default: runs/NAME')
    command.add_argument('--device', default=device)
    command.add_argument('--threads', type=int, help='of the processor')
    command.add_argument('--nice', type=int, default=0, help='leave the processor to others: 19')
    command.add_argument('--max-minutes', type=float, default=math.inf, help='then save and stop')
    command.add_argument('--save-minutes', type=float, default=5.0, help='between checkpoints')
    command.add_argument('--steps', type=int, help="in place of the recipe's")
    command.add_argument('--restart', action='store_true', help='do not go on: begin anew')

    commands.add_parser('list', help='show the recipes, with their costs')

    command = commands.add_parser('samples', help="write a recipe's samples as NIfTI images")
    command.add_argument('recipe', help='TOML file, or a name of "training list"')
    command.add_argument('--export', type=int, required=True, metavar='N', help='how many')
    command.add_argument('--output', type=Path, help='folder; default: runs/NAME-samples')
    command.add_argument('--seed', type=int, help="in place of the recipe's")

    command = commands.add_parser('evaluate', help='validate an exported network')
    command.add_argument('weights', help='model card (JSON), or the name of shipped weights')
    command.add_argument('--recipe', help="on whose validation set; default: the card's own")
    command.add_argument('--device', default=device)

    _add_experiments(commands)

    command = commands.add_parser('export', help='write weights file and model card')
    command.add_argument('run', help='folder of a run, or its name in runs')
    command.add_argument('--output', type=Path, help='folder; default: the shipped weights')
    command.add_argument('--name', help="of the weights; default: the recipe's")

    command = commands.add_parser('pack', help='split a checkpoint into parts under 15 MiB')
    command.add_argument('run', help='folder of a run, or its name in runs')
    command.add_argument('folder', type=Path, nargs='?', help='default: RUN/packed')

    command = commands.add_parser('unpack', help='join a checkpoint from its parts')
    command.add_argument('folder', type=Path, help='that holds the parts')
    command.add_argument('run_dir', type=Path, help='of the run that is to go on')
    command.add_argument('--force', action='store_true', help='replace a checkpoint')

    command = commands.add_parser('compare', help='write runs.csv and a page that compares runs')
    command.add_argument('runs', type=Path, nargs='?', default=RUNS_DIR, help='default: runs')
    return parser


def _add_experiments(commands: 'Commands') -> None:
    """Add what repeats the thesis's experiments."""
    command = commands.add_parser('stability', help="the thesis's experiments on inversions")
    command.add_argument('methods', nargs='+', help='names of inversions, or folders of runs')
    command.add_argument('--samples', type=int, default=1, help='worlds of each size')

    command = commands.add_parser('brain', help="the thesis's numerical brain phantom")
    words = 'names of background removals or inversions, or of one of each: lbv+fansi'
    command.add_argument('methods', nargs='+', help=words)
    command.add_argument('--seed', type=int, default=0, help='of the head')


if __name__ == '__main__':
    sys.exit(main())
