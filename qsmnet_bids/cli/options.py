"""The options of ``qsmnet-bids``; without a default, so that one can tell which were given."""

from argparse import SUPPRESS, ArgumentParser, BooleanOptionalAction, RawDescriptionHelpFormatter
from dataclasses import fields
from typing import NoReturn

from qsmnet_bids import __version__
from qsmnet_bids.cli import arguments as read
from qsmnet_bids.errors import SettingsError
from qsmnet_bids.settings import (
    BACKGROUNDS,
    FIELDMAPS,
    INVERSIONS,
    JOINT_INVERSIONS,
    MASKINGS,
    PRESETS,
    REFERENCES,
    UNWRAPPINGS,
    Settings,
)

LEVELS = ('participant', 'group')
METHODS = {
    'masking': (MASKINGS, 'where there is tissue'),
    'unwrapping': (UNWRAPPINGS, 'how the phase is unwrapped'),
    'fieldmap': (FIELDMAPS, 'how the echoes become a field'),
    'background': (BACKGROUNDS, 'how the field of outside sources is removed'),
    'inversion': (
        (*INVERSIONS, *JOINT_INVERSIONS),
        'how the local field becomes susceptibility',
    ),
    'reference': (REFERENCES, 'the region whose mean susceptibility is zero'),
}
SWITCHES = {
    'clean-workdir': 'empty the work folder first',
    'stop-on-first-crash': 'end everything at the first failure',
    'dry-run': 'say what would be done, and do nothing',
    'write-graph': 'draw the graph of the workflow into logs/',
    'reports-only': 'write the reports anew from the outputs that are there',
    'group-maps': 'group level: write mean and sd of the maps if all lie on one grid',
    'validate-output': 'check the output with bids-validator-deno at the end',
}
DEFAULTS = {field.name: field.default for field in fields(Settings)}
EPILOG = """
examples:
  qsmnet-bids data out participant
  qsmnet-bids data out participant group --participant-label 01 02 --inversion tkd
  qsmnet-bids data out participant --dry-run
"""


class Parser(ArgumentParser):
    """An argument parser that raises ``SettingsError``, so that one place ends the program."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of exiting."""
        raise SettingsError(message)


def build_parser() -> Parser:
    """Make the parser; an argument that is not given leaves no trace in its result."""
    parser = Parser(
        prog='qsmnet-bids',
        description='Quantitative susceptibility maps from a BIDS dataset of multi-echo GRE.',
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
        argument_default=SUPPRESS,
        allow_abbrev=False,
    )
    parser.add_argument('bids_dir', type=read.existing_dir, help='the raw BIDS dataset')
    parser.add_argument('output_dir', type=read.path, help='where the derivatives go')
    parser.add_argument(
        'analysis_levels',
        metavar='analysis_level',
        nargs='+',
        choices=LEVELS,
        help='participant (maps and reports), group (tables of all subjects), or both',
    )
    parser.add_argument('--version', action='version', version=f'qsmnet-bids {__version__}')
    _add_selection(parser)
    _add_methods(parser)
    _add_resources(parser)
    _add_conduct(parser)
    return parser


def _add_selection(parser: Parser) -> None:
    add = parser.add_argument_group('what is processed').add_argument
    add(
        '--participant-label',
        '--participant-labels',
        dest='participant_labels',
        metavar='LABEL',
        nargs='+',
        type=read.label,
        help='subjects, with or without sub- (default: all)',
    )
    add(
        '--session-label',
        '--session-labels',
        '--session-id',
        dest='session_labels',
        metavar='LABEL',
        nargs='+',
        type=read.label,
        help='sessions, with or without ses- (default: all)',
    )
    add(
        '--bids-filter-file',
        metavar='FILE',
        type=read.existing_file,
        help='JSON with the entities that the images must have',
    )
    add(
        '--bids-database-dir',
        metavar='DIR',
        type=read.path,
        help='where the index of the dataset is kept between runs (default: none)',
    )
    add(
        '--skip-bids-validation',
        action=BooleanOptionalAction,
        help='do not ask that the input is a valid BIDS dataset',
    )
    add(
        '-d',
        '--derivatives',
        metavar='NAME=PATH',
        nargs='+',
        action='extend',
        type=read.derivative,
        help='derivative datasets with masks and segmentations',
    )
    add(
        '--mask',
        metavar='DESC',
        help='take the masks with this desc- entity from --derivatives (default: compute them)',
    )
    add(
        '--field-strength',
        metavar='TESLA',
        type=read.field_strength,
        help="in place of the sidecars' MagneticFieldStrength",
    )
    add(
        '--phase-sign',
        type=int,
        choices=(1, -1),
        help='-1 where phase falls with time above B0 (default: by the manufacturer)',
    )


def _add_methods(parser: Parser) -> None:
    group = parser.add_argument_group('how it is processed')
    contents = ', '.join(f'{name} is {" ".join(p.values())}' for name, p in PRESETS.items())
    group.add_argument(
        '--preset',
        choices=PRESETS,
        help=f'methods by one name; options for a stage win ({contents})',
    )
    for stage, (names, meaning) in METHODS.items():
        group.add_argument(
            f'--{stage}', choices=names, help=f'{meaning} (default: {DEFAULTS[stage]})'
        )
    group.add_argument(
        '--set',
        dest='parameters',
        metavar='METHOD.PARAMETER=VALUE',
        action='append',
        type=read.assignment,
        help='a hyper-parameter of a method, as in tkd.threshold=0.15; repeatable',
    )
    group.add_argument(
        '--segmentation',
        metavar='DESC',
        help='desc- entity of the segmentations in --derivatives: their regions are measured, '
        'and --reference segmentation finds its region there',
    )
    group.add_argument(
        '--atlas',
        metavar=('NIFTI', 'TSV'),
        nargs=2,
        type=read.existing_file,
        help='labels in MNI152 space and a table with index and name: their regions are measured '
        'after an affine alignment of the magnitude (needs the extra atlas)',
    )
    group.add_argument(
        '--reference-labels',
        metavar='VALUE',
        nargs='+',
        type=read.label_value,
        help='values of the segmentation that make up the reference region',
    )
    group.add_argument(
        '--two-pass',
        action=BooleanOptionalAction,
        help='experimental: map the voxels of reliable phase, and the rest by a second map; fewer '
        'streaks from bleeds and calcifications with the fast inversions, worse maps with others',
    )
    group.add_argument(
        '--uncertainty',
        action=BooleanOptionalAction,
        help='estimate the standard deviation of the susceptibility in each voxel too, by any '
        'inversion; takes its time 9 times more (--set uncertainty.n_members=8)',
    )
    group.add_argument(
        '--swi',
        action=BooleanOptionalAction,
        help='make susceptibility-weighted images too',
    )
    group.add_argument(
        '--save-fields',
        action=BooleanOptionalAction,
        help='write the total and the local field too',
    )


def _add_resources(parser: Parser) -> None:
    add = parser.add_argument_group('where it runs').add_argument
    add(
        '--device',
        metavar='DEVICE',
        type=read.device,
        help='auto, cpu, cuda or cuda:N (default: auto)',
    )
    add(
        '--nprocs',
        '--nthreads',
        '--n-cpus',
        dest='n_procs',
        metavar='N',
        type=read.positive_int,
        help='processor cores of the whole run (default: all that this process may use)',
    )
    add(
        '--omp-nthreads',
        metavar='N',
        type=read.positive_int,
        help='most threads of one step (default: --nprocs, 8 at most)',
    )
    add(
        '--mem',
        '--mem-mb',
        dest='memory_gb',
        metavar='AMOUNT',
        type=read.memory_gb,
        help='memory of the whole run, as in 8G; MB without a suffix (default: what there is)',
    )
    add(
        '--low-mem',
        action=BooleanOptionalAction,
        help='use less memory and more time: tiled networks, one step at a time',
    )
    add(
        '--nipype-plugin-file',
        '--use-plugin',
        metavar='FILE',
        type=read.existing_file,
        help='YAML with plugin and plugin_args for Nipype',
    )
    add(
        '-w',
        '--work-dir',
        metavar='DIR',
        type=read.path,
        help='intermediate files, from which a run resumes (default: ./work)',
    )


def _add_conduct(parser: Parser) -> None:
    group = parser.add_argument_group('how the run goes')
    group.add_argument(
        '--config-file',
        metavar='FILE',
        type=read.existing_file,
        help='TOML with settings, such as an earlier run saved in logs/; the command line wins',
    )
    for name, meaning in SWITCHES.items():
        short = ('-n',) if name == 'dry-run' else ()
        group.add_argument(*short, f'--{name}', action=BooleanOptionalAction, help=meaning)
    group.add_argument(
        '--notrack', action='store_true', help='accepted; nothing is ever sent anywhere'
    )
    group.add_argument(
        '-v',
        dest='verbosity',
        action='count',
        help='show what is done with each run; -vv shows the log of the workflow too',
    )
