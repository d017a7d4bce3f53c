"""From JSON, which may hold anything, to types that the reports need; and words for numbers."""

from collections.abc import Iterable, Mapping

TIMES = '\N{MULTIPLICATION SIGN}'
MINUS = '\N{MINUS SIGN}'
DASH = '\N{EN DASH}'


def as_number(value: object) -> float | None:
    """Take a finite number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    number = float(value)
    return number if abs(number) < float('inf') else None


def as_numbers(value: object) -> tuple[float, ...]:
    """Take the finite numbers of a list, or a lone one."""
    values = value if isinstance(value, list | tuple) else [value]
    return tuple(number for item in values if (number := as_number(item)) is not None)


def as_mapping(value: object) -> Mapping[str, object]:
    """Take an object; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def as_list(value: object) -> list[object]:
    """Take a list; an empty one for anything else."""
    return list(value) if isinstance(value, list | tuple) else []


def as_texts(value: object) -> dict[str, str]:
    """Write an object's values as text."""
    return {str(key): as_text(item) for key, item in as_mapping(value).items()}


def as_text(value: object) -> str:
    """Write any value for a reader; nothing for null."""
    if value is None:
        return ''
    if isinstance(value, float):
        return f'{value:g}'
    if isinstance(value, list | tuple):
        return ', '.join(as_text(item) for item in value)
    return str(value)


def join_numbers(values: Iterable[float | int], separator: str = ', ') -> str:
    """Write numbers one after another, with at most four digits."""
    return separator.join(f'{value:.4g}' for value in values)
