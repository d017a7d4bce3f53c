"""``qsmnet-bids-stage``: one stage on plain files, for benchmarks and data that are not BIDS."""

import sys
from argparse import Action, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence

from qsmnet_bids import __version__
from qsmnet_bids.cli import arguments as read
from qsmnet_bids.cli.options import Parser
from qsmnet_bids.errors import QsmError, SettingsError
from qsmnet_bids.settings import BACKGROUNDS, FIELDMAPS, INVERSIONS, Parameters

STEPS: dict[str, dict[str, tuple[str, ...]]] = {
    'field-mapping': {'fieldmap': FIELDMAPS},
    'bfr': {'background': BACKGROUNDS},
    'dipole': {'inversion': INVERSIONS},
    'bfr+dipole': {'background': BACKGROUNDS, 'inversion': INVERSIONS},
    'end-to-end': {'fieldmap': FIELDMAPS, 'background': BACKGROUNDS, 'inversion': INVERSIONS},
}
"""Steps of each stage with the methods to choose from."""
FILES = {
    'field-mapping': ('phase, magnitude, mask', 'totalfield'),
    'bfr': ('totalfield, mask', 'localfield, mask'),
    'dipole': ('localfield, mask', 'chimap'),
    'bfr+dipole': ('totalfield, mask', 'chimap'),
    'end-to-end': ('phase, magnitude, mask', 'chimap'),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one stage; return 0, or 1 if the input is at fault, or 2 if the arguments are."""
    try:
        given = build_parser().parse_args(argv)
        methods = _methods(given.stage, given.method)
        parameters = _parameters(methods, given.set)
        if given.uncertainty:
            _check_uncertainty(given.stage)
        from qsmnet_bids.cli.stages import run_stage  # noqa: PLC0415 -- torch, only now

        for path in run_stage(
            methods,
            given.input,
            given.output,
            parameters=parameters,
            device=given.device,
            uncertainty=given.uncertainty,
        ):
            sys.stdout.write(f'{path}\n')
    except SettingsError as error:
        sys.stderr.write(f'qsmnet-bids-stage: {error}\n')
        return 2
    except (QsmError, ValueError) as error:  # ValueError: a hyper-parameter out of its range
        sys.stderr.write(f'qsmnet-bids-stage: {error}\n')
        return 1
    return 0


def build_parser() -> Parser:
    """Make the parser."""
    parser = Parser(
        prog='qsmnet-bids-stage',
        description='Run one stage on a folder of NIfTI files and params.json (TE in s, B0 in T, '
        'B0_dir in voxel axes, voxel_size in mm); phase in rad, fields and susceptibility in ppm.',
        allow_abbrev=False,
    )
    parser.add_argument('stage', choices=STEPS, metavar='STAGE', help=', '.join(STEPS))
    parser.add_argument(
        '--method',
        required=True,
        help='method of the stage; for a stage of several steps one each, as in vsharp+tikhonov',
    )
    parser.add_argument('--input', required=True, type=read.existing_dir, metavar='DIR')
    parser.add_argument('--output', required=True, type=read.path, metavar='DIR')
    parser.add_argument(
        '--set',
        action='append',
        default=[],
        metavar='[METHOD.]PARAMETER=VALUE',
        help='a hyper-parameter, as in threshold=0.15; repeatable',
    )
    parser.add_argument(
        '--device', type=read.device, default='auto', help='auto, cpu, cuda or cuda:N'
    )
    parser.add_argument(
        '--uncertainty',
        action='store_true',
        help='of end-to-end: write the standard deviation of the susceptibility too',
    )
    parser.add_argument('--list', action=_List, nargs=0, help='show stages, methods and files')
    parser.add_argument('--version', action='version', version=f'qsmnet-bids {__version__}')
    return parser


class _List(Action):
    """Print the table of stages and end."""

    def __call__(
        self,
        parser: ArgumentParser,
        _namespace: Namespace,
        _values: object,
        _option: object = None,
    ) -> None:
        for stage, steps in STEPS.items():
            needs, gives = FILES[stage]
            choices = ' + '.join('|'.join(methods) for methods in steps.values())
            sys.stdout.write(f'{stage:14} {needs} -> {gives}\n{"":14} --method {choices}\n')
        parser.exit()


def _methods(stage: str, words: str) -> dict[str, str]:
    """Split ``vsharp+tkd`` into one method for each step."""
    steps, names = STEPS[stage], words.split('+')
    fits = len(names) == len(steps) and all(
        name in choices for name, choices in zip(names, steps.values(), strict=True)
    )
    if not fits:
        expected = '+'.join(f'({"|".join(choices)})' for choices in steps.values())
        raise SettingsError(f"--method '{words}': {stage} expects {expected}")
    return dict(zip(steps, names, strict=True))


def _check_uncertainty(stage: str) -> None:
    """Refuse what knows no noise, or makes no map."""
    if 'inversion' not in STEPS[stage]:
        raise SettingsError(f'--uncertainty: {stage} makes no map; only end-to-end does it all')
    if 'fieldmap' not in STEPS[stage]:
        raise SettingsError(
            f'--uncertainty: {stage} does not know the noise of its field, which the fit over the '
            'echoes tells; expected end-to-end'
        )


def _parameters(methods: dict[str, str], words: Sequence[str]) -> Parameters:
    parameters: Parameters = {}
    for word in words:
        full = word if '.' in word.partition('=')[0] else f'{list(methods.values())[-1]}.{word}'
        try:
            method, name, value = read.assignment(full)
        except ArgumentTypeError as error:
            raise SettingsError(f'--set: {error}') from error
        parameters.setdefault(method, {})[name] = value
    return parameters
