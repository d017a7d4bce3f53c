"""The command line of the benchmarks."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.accuracy import accuracy
from benchmarks.heads import CASES
from benchmarks.overhead import overhead
from benchmarks.query import query
from benchmarks.tables import Rows, write_tables
from qsmnet_bids.inversion import METHODS
from qsmnet_bids.vectors import Vector

OUTPUT = Path('runs/benchmarks')


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the tables, and write them to a folder.

    Parameters
    ----------
    argv
        Words after the program's name; None for those of this process.
    """
    arguments = _parser().parse_args(argv)
    with tempfile.TemporaryDirectory(prefix='qsmnet-bids-') as scratch:
        tables: dict[str, Rows] = arguments.measure(arguments, Path(scratch))
    for name, rows in tables.items():
        sys.stdout.write(f'{name}\n\n{write_tables(rows, arguments.output / name)}\n')
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='python -m benchmarks', description=__doc__)
    parser.add_argument('--output', type=Path, default=OUTPUT, help='folder of the tables')
    commands = parser.add_subparsers(required=True)
    accuracy = commands.add_parser('accuracy', help='every inversion against the truth')
    names = [case.name for case in CASES]
    accuracy.add_argument('--cases', nargs='+', choices=names, default=names)
    accuracy.add_argument('--methods', nargs='+', choices=list(METHODS), default=list(METHODS))
    simulators = commands.add_parser('simulators', help='against qsm-forward (extra benchmark)')
    overhead = commands.add_parser('overhead', help='the app against pipeline.reconstruct')
    overhead.add_argument('bids_dir', type=Path, help='raw dataset, such as demo/bids')
    overhead.add_argument('--inversion', default='tikhonov')
    query = commands.add_parser('query', help='time to the first work in a large dataset')
    query.add_argument('--subjects', type=int, default=200)
    for command in (accuracy, simulators):
        command.add_argument('--voxel-size', nargs=3, type=float, help='mm, for a quick look')
    for command in (accuracy, overhead):
        command.add_argument('--threads', type=int, default=2)
    accuracy.set_defaults(measure=_accuracy)
    simulators.set_defaults(measure=_simulators)
    overhead.set_defaults(measure=_overhead)
    query.set_defaults(measure=_query)
    return parser


def _accuracy(arguments: argparse.Namespace, _scratch: Path) -> dict[str, Rows]:
    rows = accuracy(
        cases=arguments.cases,
        methods=arguments.methods,
        voxel_size=_vector(arguments.voxel_size),
        n_threads=arguments.threads,
    )
    return {'accuracy': rows}


def _simulators(arguments: argparse.Namespace, scratch: Path) -> dict[str, Rows]:
    from benchmarks import simulators  # noqa: PLC0415 - needs the extra benchmark

    voxel_size = _vector(arguments.voxel_size) or (1.0, 1.0, 1.0)
    phantom = simulators.make_phantom(voxel_size)
    return {
        'simulators-fields': simulators.compare_fields(phantom),
        'simulators-maps': simulators.compare_maps(phantom, scratch),
    }


def _overhead(arguments: argparse.Namespace, scratch: Path) -> dict[str, Rows]:
    row = overhead(
        arguments.bids_dir, scratch, inversion=arguments.inversion, n_threads=arguments.threads
    )
    return {'overhead': [row]}


def _query(arguments: argparse.Namespace, scratch: Path) -> dict[str, Rows]:
    return {'query': [query(scratch, n_subjects=arguments.subjects)]}


def _vector(values: Sequence[float] | None) -> Vector | None:
    return (values[0], values[1], values[2]) if values else None


if __name__ == '__main__':
    sys.exit(main())
