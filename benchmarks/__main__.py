"""The command line of the benchmarks."""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from benchmarks.accuracy import STAGES, Plan, accuracy
from benchmarks.averaged import simulate_averaged
from benchmarks.fits import fits
from benchmarks.group import group
from benchmarks.heads import B0, CASES, SEED, Case, Head, simulate_head
from benchmarks.living import simulate_living
from benchmarks.overhead import overhead
from benchmarks.query import query
from benchmarks.speed import growth, speed
from benchmarks.tables import Rows, to_markdown, write_tables
from benchmarks.turned import turned
from benchmarks.uncertainty import Plan as UncertaintyPlan
from benchmarks.uncertainty import uncertainty
from qsmnet_bids import background, fieldmap, inversion, unwrapping
from qsmnet_bids.phantom.signal import ECHO_TIMES
from qsmnet_bids.vectors import Vector

Row = TypeVar('Row', bound='DataclassInstance')
METHODS: dict[str, Mapping[str, object]] = {
    'unwrapping': unwrapping.METHODS,
    'fieldmap': fieldmap.METHODS,
    'background': background.METHODS,
    'inversion': inversion.METHODS,
}
SIMULATORS: dict[str, Callable[[Case], Head]] = {
    'qsmnet-bids': simulate_head,
    'averaged': simulate_averaged,
    'living': simulate_living,
}
SIDES = (128, 192, 256)
if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

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
    _add_heads(commands)
    speed = commands.add_parser('speed', help='time and memory of every method')
    speed.add_argument('--shapes', nargs='+', type=_shape, default=[(n, n, n) for n in SIDES])
    every = sorted({name for methods in METHODS.values() for name in methods})
    speed.add_argument('--methods', nargs='+', choices=every, default=[])
    speed.set_defaults(measure=_speed)
    overhead = commands.add_parser('overhead', help='the app against pipeline.reconstruct')
    overhead.add_argument('bids_dir', type=Path, help='raw dataset, such as demo/bids')
    overhead.add_argument('--inversion', default='tikhonov')
    overhead.set_defaults(measure=_overhead)
    for command in (speed, overhead):
        command.add_argument('--threads', type=int, default=2)
    query = commands.add_parser('query', help='time to the first work in a large dataset')
    query.add_argument('--subjects', type=int, default=200)
    query.set_defaults(measure=_query)
    group = commands.add_parser('group', help='the group level on a large dataset')
    group.add_argument('--runs', type=int, default=10_000)
    group.set_defaults(measure=_group)
    turns = commands.add_parser('registration', help='heads that were turned and shifted')
    turns.add_argument('--seed', type=int, default=SEED)
    turns.add_argument('--noise', type=float, default=0.0125, help='relative to bright tissue')
    turns.add_argument('--bias', type=float, default=0.2, help='of the coils')
    turns.set_defaults(measure=_registration)
    return parser


def _add_heads(commands: 'Commands') -> None:
    """Add what compares maps or fields of simulated heads with the truth."""
    accuracy = commands.add_parser('accuracy', help='every method against the truth')
    names = [case.name for case in CASES]
    accuracy.add_argument('--stages', nargs='+', choices=STAGES, default=STAGES)
    accuracy.add_argument('--cases', nargs='+', choices=names, default=names)
    accuracy.add_argument('--seeds', nargs='+', type=int, default=[SEED], help='of the heads')
    accuracy.add_argument('--field-noise', type=float, default=0.0, help='of the true fields, ppm')
    accuracy.add_argument('--told-noise', type=float, default=1.0, help='share of it that is told')
    accuracy.add_argument(
        '--untold-error', type=float, default=0.0, help="of the true local field, over the field's"
    )
    accuracy.add_argument(
        '--error-widths', nargs='+', type=float, default=[0.0], help='of its parts, voxels'
    )
    accuracy.add_argument('--tilt', type=float, help="degrees, in place of the case's own")
    accuracy.add_argument('--lesions', type=float, help='bleed of +, calcification of -, ppm')
    accuracy.add_argument('--b0', type=float, default=B0, help='T')
    accuracy.add_argument('--echo-times', nargs='+', type=float, default=ECHO_TIMES, help='s')
    for stage, methods in METHODS.items():
        accuracy.add_argument(f'--{stage}', nargs='+', choices=list(methods), default=[])
    accuracy.set_defaults(measure=_accuracy)
    uncertain = commands.add_parser('uncertainty', help='errors of maps against --uncertainty')
    uncertain.add_argument('--cases', nargs='+', choices=names, default=['axial'])
    uncertain.add_argument('--seeds', nargs='+', type=int, default=[SEED], help='of the heads')
    uncertain.add_argument('--field-noise', nargs='*', type=float, default=[0.001, 0.003])
    uncertain.add_argument('--background', nargs='+', choices=list(background.METHODS), default=[])
    uncertain.add_argument(
        '--inversion',
        nargs='+',
        choices=list(inversion.METHODS),
        default=['tikhonov', 'tkd', 'tv', 'deepqsm'],
    )
    uncertain.add_argument(
        '--no-model-error',
        dest='model_error',
        action='store_false',
        help='noise and mirroring only',
    )
    uncertain.add_argument('--members', type=int, default=8)
    uncertain.set_defaults(
        measure=_uncertainty, b0=B0, echo_times=ECHO_TIMES, tilt=None, lesions=None
    )
    simulators = commands.add_parser('simulators', help='against qsm-forward (extra benchmark)')
    simulators.set_defaults(measure=_simulators)
    wrong = commands.add_parser('fits', help='voxels that field fits get wrong')
    wrong.add_argument('--fieldmap', nargs='+', choices=list(METHODS['fieldmap']), default=[])
    wrong.set_defaults(measure=_fits)
    for command in (accuracy, uncertain):
        command.add_argument(
            '--simulator', choices=[*SIMULATORS, 'qsm-forward'], default='qsmnet-bids'
        )
    for command in (accuracy, uncertain, simulators, wrong):
        command.add_argument('--voxel-size', nargs=3, type=float, help='mm, for a quick look')
    for command in (accuracy, uncertain, wrong):
        command.add_argument('--threads', type=int, default=2)


def _accuracy(arguments: argparse.Namespace, _scratch: Path) -> dict[str, Rows]:
    plan = Plan(
        stages=tuple(arguments.stages),
        unwrappings=tuple(arguments.unwrapping),
        fieldmaps=tuple(arguments.fieldmap),
        backgrounds=tuple(arguments.background),
        inversions=tuple(arguments.inversion),
        field_noise=arguments.field_noise,
        told_noise=arguments.told_noise,
        untold_error=arguments.untold_error,
        error_widths=tuple(arguments.error_widths),
        n_threads=arguments.threads,
    )
    rows = accuracy(_cases(arguments), plan, simulator=_simulator(arguments))
    return {'accuracy': list(_told(rows))}


def _simulator(arguments: argparse.Namespace) -> Callable[[Case], Head]:
    if arguments.simulator == 'qsm-forward':
        from benchmarks.simulators import simulate_by_forward  # noqa: PLC0415 - needs the extra

        return simulate_by_forward
    return SIMULATORS[arguments.simulator]


def _cases(arguments: argparse.Namespace) -> list[Case]:
    size = _vector(arguments.voxel_size)
    told = {'b0': arguments.b0, 'echo_times': tuple(arguments.echo_times)}
    told |= {'lesion_ppm': arguments.lesions}
    told |= {} if arguments.tilt is None else {'oblique': arguments.tilt}
    return [
        replace(case, voxel_size=size or case.voxel_size, seed=seed, **told)
        for case in CASES
        if case.name in arguments.cases
        for seed in arguments.seeds
    ]


def _uncertainty(arguments: argparse.Namespace, _scratch: Path) -> dict[str, Rows]:
    plan = UncertaintyPlan(
        inversions=tuple(arguments.inversion),
        field_noises=tuple(arguments.field_noise),
        backgrounds=tuple(arguments.background),
        n_members=arguments.members,
        model_error=arguments.model_error,
        n_threads=arguments.threads,
    )
    rows = uncertainty(_cases(arguments), plan, simulator=_simulator(arguments))
    return {'uncertainty': list(_told(rows))}


def _speed(arguments: argparse.Namespace, _scratch: Path) -> dict[str, Rows]:
    rows = list(
        _told(speed(arguments.shapes, methods=arguments.methods, n_threads=arguments.threads))
    )
    grown = growth(rows)
    return {'speed': rows, 'growth': grown} if grown else {'speed': rows}


def _told(rows: Iterator[Row]) -> Iterator[Row]:
    """Say on the way how far it has come."""
    for row in rows:
        sys.stderr.write(to_markdown([row]).splitlines()[-1] + '\n')
        yield row


def _shape(words: str) -> tuple[int, int, int]:
    sides = [int(word) for word in words.split('x')]
    if len(sides) == 1:
        sides = sides * 3
    if len(sides) != 3 or min(sides) < 32:
        raise argparse.ArgumentTypeError(f'expected N or XxYxZ of at least 32, got {words}')
    return sides[0], sides[1], sides[2]


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


def _group(arguments: argparse.Namespace, scratch: Path) -> dict[str, Rows]:
    return {'group': [group(scratch / 'out', n_runs=arguments.runs)]}


def _fits(arguments: argparse.Namespace, _scratch: Path) -> dict[str, Rows]:
    case = Case('axial', _vector(arguments.voxel_size) or (2.0, 2.0, 2.0), 0.0)
    return {'fits': list(fits(case, arguments.fieldmap, n_threads=arguments.threads))}


def _registration(arguments: argparse.Namespace, _scratch: Path) -> dict[str, Rows]:
    case = Case('axial', (1.0, 1.0, 1.0), 0.0, arguments.seed)
    rows = turned(case, noise=arguments.noise, bias=arguments.bias)
    return {'registration': list(rows)}


def _vector(values: Sequence[float] | None) -> Vector | None:
    return (values[0], values[1], values[2]) if values else None


if __name__ == '__main__':
    sys.exit(main())
