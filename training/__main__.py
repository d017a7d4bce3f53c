"""``python -m training COMMAND``."""

import argparse
import dataclasses
import sys
from pathlib import Path

import torch

from training.export import export
from training.recipe import read_recipe
from training.train import train

RECIPES = Path(__file__).parent / 'recipes'


def main(argv: list[str] | None = None) -> int:
    """Run one command of the training.

    Parameters
    ----------
    argv
        Arguments; those of the process if None.
    """
    parser = argparse.ArgumentParser(prog='python -m training', description=__doc__)
    commands = parser.add_subparsers(dest='command', required=True)
    command = commands.add_parser('train', help='train or go on training')
    command.add_argument('recipe', type=Path, help='TOML file')
    command.add_argument('--run-dir', type=Path, help='default: runs/NAME')
    command.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    command.add_argument('--threads', type=int, help='of the processor')
    command.add_argument('--max-minutes', type=float, default=float('inf'))
    command.add_argument('--steps', type=int, help='in place of the recipe')
    command = commands.add_parser('export', help='write weights file and model card')
    command.add_argument('recipe', type=Path, help='TOML file')
    command.add_argument('--run-dir', type=Path, help='default: runs/NAME')
    command.add_argument('--output', type=Path, help='folder; default: the shipped weights')
    arguments = parser.parse_args(argv)

    recipe = read_recipe(_find(arguments.recipe))
    run_dir = arguments.run_dir or Path('runs') / recipe.name
    if arguments.command == 'export':
        card = export(recipe, run_dir, arguments.output)
        sys.stdout.write(f'{card}\n')
        return 0
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    if arguments.steps:
        recipe = dataclasses.replace(recipe, steps=arguments.steps)
    train(
        recipe,
        run_dir,
        device=torch.device(arguments.device),
        max_minutes=arguments.max_minutes,
    )
    return 0


def _find(recipe: Path) -> Path:
    """Accept ``recipes/NAME.toml`` from anywhere."""
    return recipe if recipe.exists() else RECIPES / recipe.name


if __name__ == '__main__':
    sys.exit(main())
