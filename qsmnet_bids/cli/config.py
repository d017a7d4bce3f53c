"""Settings as TOML: saved beside the output, and read again by ``--config-file``."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path

import tomli_w

from qsmnet_bids.errors import SettingsError
from qsmnet_bids.settings import Settings

POSITIONALS = ('bids_dir', 'output_dir', 'analysis_levels')
OPTIONS = {
    'participant_labels': '--participant-label',
    'session_labels': '--session-label',
    'n_procs': '--nprocs',
    'memory_gb': '--mem',
    'parameters': '--set',
}
"""Options that are not named like their field."""


def to_toml(settings: Settings) -> str:
    """Write settings as TOML; what is None is left out."""
    return tomli_w.dumps(
        {key: _plain(value) for key, value in asdict(settings).items() if value is not None}
    )


def arguments_from_toml(file: Path) -> list[str]:
    """Turn a settings file into the arguments that mean the same, without the positional ones.

    Parameters
    ----------
    file
        TOML with any of the fields of ``Settings``.
    """
    try:
        values = tomllib.loads(file.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f'{file}: cannot be read as TOML: {error}') from error
    known = [field.name for field in fields(Settings)]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise SettingsError(
            f'{file}: unknown key {unknown[0]!r}; expected some of {", ".join(known)}'
        )
    arguments: list[str] = []
    for key, value in values.items():
        if key not in POSITIONALS:
            arguments += _arguments(key, value)
    return arguments


def _arguments(key: str, value: object) -> list[str]:
    option = OPTIONS.get(key, '--' + key.replace('_', '-'))
    match value:
        case bool():
            return [option if value else option.replace('--', '--no-', 1)]
        case int() if key == 'verbosity':
            words = ['-v'] * value
        case dict() if key == 'parameters':
            words = [word for item in _assignments(value) for word in (option, item)]
        case dict():
            words = [option, *(f'{name}={item}' for name, item in value.items())]
        case list():
            words = [option, *map(str, value)]
        case _:
            words = [f'{option}={value}G' if key == 'memory_gb' else f'{option}={value}']
    return [] if words == [option] else words


def _assignments(parameters: Mapping[str, object]) -> list[str]:
    return [
        f'{method}.{name}={value}'
        for method, values in parameters.items()
        for name, value in (values.items() if isinstance(values, Mapping) else [('', values)])
    ]


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
