"""A recipe as a TOML file."""

import tomllib
from pathlib import Path

from qsmnet_bids.errors import SettingsError
from training.recipe import Recipe, Value, build_network, build_source, recipe_from

RECIPES_DIR = Path(__file__).parent / 'recipes'


def find_recipe(name: str) -> Path:
    """Find a recipe's file.

    Parameters
    ----------
    name
        Path of a TOML file, or the name of a recipe of this project, with or without ``.toml``.

    Raises
    ------
    SettingsError
        If there is none.
    """
    shipped = RECIPES_DIR / f'{Path(name).name.removesuffix(".toml")}.toml'
    for path in (Path(name), shipped):
        if path.is_file():
            return path
    raise SettingsError(f'{name}: no such recipe; "python -m training list" shows those there are')


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe, with what it inherits.

    Parameters
    ----------
    path
        TOML file. ``extends`` names another, of its folder or of this project, whose values hold
        unless it gives its own: ``[network]`` and ``[data]`` are merged unless it names another
        architecture or source, and ``[loss]`` is replaced.

    Raises
    ------
    SettingsError
        If it has an unknown field, or a value that cannot be used.
    """
    content = _read_table(path, ())
    try:
        recipe = recipe_from(content, name=path.stem)
        build_network(recipe)
        build_source(recipe)
    except (TypeError, ValueError) as error:
        raise SettingsError(f'{path}: {error}') from error
    return recipe


def _read_table(path: Path, seen: tuple[Path, ...]) -> dict[str, Value]:
    if path in seen:
        raise SettingsError(f'{path}: extends itself')
    try:
        content: dict[str, Value] = tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        raise SettingsError(f'{path}: no such file, though {seen[-1]} extends it') from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f'{path}: {error}') from error
    parent = content.pop('extends', None)
    if parent is None:
        return content
    beside = path.parent / f'{parent}.toml'
    inherited = _read_table(
        beside if beside.exists() else RECIPES_DIR / beside.name, (*seen, path)
    )
    inherited.pop('description', None)
    for name, choice in (('network', 'architecture'), ('data', 'source')):
        old, new = inherited.get(name), content.get(name)
        if isinstance(old, dict) and isinstance(new, dict) and not {choice, 'mixture'} & set(new):
            content[name] = old | new
    return inherited | content
