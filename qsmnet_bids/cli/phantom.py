"""``qsmnet-bids-phantom``: simulate a multi-echo BIDS dataset with known susceptibility."""

import argparse
import itertools
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from qsmnet_bids import __version__
from qsmnet_bids.errors import QsmError, SettingsError

if TYPE_CHECKING:
    from qsmnet_bids.phantom.dataset import Plan


def main(argv: list[str] | None = None) -> int:
    """Write the dataset that the arguments describe.

    Parameters
    ----------
    argv
        Arguments without the program's name; those of the process if None.

    Returns
    -------
        Exit code: 0 done, 1 something is missing on this machine, 2 wrong arguments.
    """
    arguments = build_parser().parse_args(argv)
    start = time.monotonic()
    try:
        check(arguments)
        _write(arguments, start)
    except QsmError as error:
        sys.stderr.write(f'qsmnet-bids-phantom: error: {error}\n')
        return 2 if isinstance(error, SettingsError) else 1
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Describe the arguments."""
    parser = argparse.ArgumentParser(
        prog='qsmnet-bids-phantom',
        description='Simulate a raw BIDS dataset of multi-echo gradient-echo images whose '
        'susceptibility is known; the truth goes to OUT/derivatives/truth.',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add('output_dir', metavar='OUT', type=Path, help='folder to write; must be missing or empty')
    add('--subjects', type=int, default=1, metavar='N', help='number of subjects')
    add('--sessions', type=int, default=0, metavar='N', help='sessions of each; 0 for none')
    add(
        '--echo-times',
        type=float,
        nargs='+',
        default=[0.004, 0.012, 0.020, 0.028],
        metavar='S',
        help='in seconds, increasing',
    )
    add('--field-strength', type=float, default=3.0, metavar='T', help='in tesla')
    add(
        '--voxel-size',
        type=float,
        nargs=3,
        default=[1.0, 1.0, 1.0],
        metavar=('X', 'Y', 'Z'),
        help='in mm',
    )
    add(
        '--oblique',
        type=float,
        default=0.0,
        metavar='DEGREES',
        help='tilt of head and volume against B0, about the left-right axis',
    )
    add(
        '--noise',
        type=float,
        default=0.0125,
        metavar='SD',
        help="standard deviation of the real and the imaginary part, relative to white matter's "
        'signal at echo time zero',
    )
    add(
        '--phase-format',
        choices=('radian', 'integer', 'signed'),
        default='radian',
        help='radian: floating point in [-pi, pi]; integer: 0..4095; signed: -4096..4095',
    )
    add('--seed', type=int, default=0, metavar='N', help='the same seed makes the same bytes')
    add('--version', action='version', version=f'%(prog)s {__version__}')
    return parser


def check(arguments: argparse.Namespace) -> None:
    """Refuse arguments that cannot be meant.

    Parameters
    ----------
    arguments
        As ``build_parser`` parses them.
    """
    times = arguments.echo_times
    if max(times) > 1:
        raise SettingsError(
            f'--echo-times: found {_listed(times)}, expected seconds, at most 1; milliseconds? '
            f'try --echo-times {_listed([t / 1000 for t in times])}'
        )
    if min(times) <= 0 or any(a >= b for a, b in itertools.pairwise(times)):
        raise SettingsError(f'--echo-times: found {_listed(times)}, expected increasing, above 0')
    for option, low, high in (
        ('subjects', 1, 9999),
        ('sessions', 0, 99),
        ('field-strength', 0.05, 20),
        ('oblique', -90, 90),
        ('noise', 0, 1),
        ('seed', 0, 2**31 - 1),
    ):
        _within(option, [getattr(arguments, option.replace('-', '_'))], low, high)
    _within('voxel-size', arguments.voxel_size, 0.3, 10)
    folder = arguments.output_dir
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SettingsError(f'{folder}: not an empty folder; name one that is missing or empty')


def _within(option: str, values: list[float], low: float, high: float) -> None:
    if not all(low <= value <= high for value in values):  # catches nan too
        raise SettingsError(f'--{option}: found {_listed(values)}, expected {low} to {high}')


def _listed(values: list[float]) -> str:
    return ' '.join(f'{value:g}' for value in values)


def _plan(arguments: argparse.Namespace) -> 'Plan':
    from qsmnet_bids.phantom.dataset import Plan  # noqa: PLC0415 - --help must not wait for torch

    return Plan(
        n_subjects=arguments.subjects,
        n_sessions=arguments.sessions,
        echo_times=tuple(arguments.echo_times),
        b0=arguments.field_strength,
        voxel_size=tuple(arguments.voxel_size),
        oblique=arguments.oblique,
        noise=arguments.noise,
        phase_format=arguments.phase_format,
        seed=arguments.seed,
    )


def _write(arguments: argparse.Namespace, start: float) -> None:
    from qsmnet_bids.phantom.dataset import write_dataset  # noqa: PLC0415 - as above

    n_written = 0
    for name in write_dataset(arguments.output_dir, _plan(arguments)):
        n_written += 1
        sys.stdout.write(f'{name}: written after {time.monotonic() - start:.0f} s\n')
        sys.stdout.flush()
    sys.stdout.write(f'qsmnet-bids-phantom: {n_written} acquisitions in {arguments.output_dir}\n')


if __name__ == '__main__':
    sys.exit(main())
