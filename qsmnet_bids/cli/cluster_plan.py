"""What ``qsmnet-bids-slurm`` is asked to do: its arguments, checked, as one record."""

import re
import shlex
from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from qsmnet_bids import __version__
from qsmnet_bids.cli import arguments as read
from qsmnet_bids.cli.options import Parser, build_parser
from qsmnet_bids.cli.parser import parse_arguments
from qsmnet_bids.errors import SettingsError
from qsmnet_bids.settings import Settings

Scheduler = Literal['slurm', 'sge', 'pbs', 'lsf']
SCHEDULERS: tuple[Scheduler, ...] = ('slurm', 'sge', 'pbs', 'lsf')
FOLDER = Path('code', 'cluster')
MINUTES = {'d': 1440, 'h': 60, 'm': 1}


@dataclass(frozen=True)
class Plan:
    """Where, by what and with how much each subject is processed.

    Parameters
    ----------
    settings
        Of the app, for all subjects.
    app_words
        The app's options as they were given.
    folder
        Where the scripts go.
    image, command_words
        The Apptainer image, or else what starts the app without one.
    binds
        Further files and folders that the image must see.
    scheduler
        Whose commands the scripts use.
    cpus, memory_mb, retry_memory_mb, minutes, gpus
        Of each subject; the second memory is that of a second try.
    array_size, max_running
        Tasks of one array job, and how many of these may run at once; None for no limit.
    submit_options
        Further words for the scheduler's command.
    """

    settings: Settings
    app_words: tuple[str, ...]
    folder: Path
    image: Path | None
    command_words: tuple[str, ...]
    binds: tuple[Path, ...]
    scheduler: Scheduler
    cpus: int
    memory_mb: int
    retry_memory_mb: int
    minutes: int
    gpus: int
    array_size: int
    max_running: int | None
    submit_options: tuple[str, ...]


def plan_from_arguments(words: Sequence[str]) -> Plan:
    """Read the command line; what follows ``--`` is for the app.

    Parameters
    ----------
    words
        Without the program's name.
    """
    at = list(words).index('--') if '--' in words else len(words)
    app_words = tuple(words[at + 1 :])
    given = build_cluster_parser().parse_args(words[:at])
    retry_mem = given.retry_mem or 2 * given.mem
    if retry_mem < given.mem:
        raise SettingsError(
            f'--retry-mem {retry_mem:g}G is less than --mem {given.mem:g}G; expected more, as it '
            'is for the subjects that failed'
        )
    settings = _app_settings(given, app_words)
    return Plan(
        settings=settings,
        app_words=app_words,
        folder=given.folder or settings.output_dir / FOLDER,
        image=given.image,
        command_words=given.command or (),
        binds=(*given.bind, *_outside(settings, app_words)) if given.image else (),
        scheduler=given.scheduler,
        cpus=given.cpus,
        memory_mb=round(1000 * given.mem),
        retry_memory_mb=round(1000 * retry_mem),
        minutes=given.time,
        gpus=given.gpus,
        array_size=given.array_size,
        max_running=given.max_running,
        submit_options=tuple(given.submit_option),
    )


def minutes(word: str) -> int:
    """Read a duration as minutes, rounded up.

    >>> minutes('90'), minutes('1:30:00'), minutes('1-00:00:30'), minutes('12h')
    (90, 90, 1441, 720)
    """
    clock = re.fullmatch(r'(?:(\d+)-)?(\d+):(\d\d)(?::(\d\d))?', word)
    plain = re.fullmatch(r'(\d+)([dhm]?)', word)
    if clock:
        days, hours, mins, seconds = (int(part or 0) for part in clock.groups())
        total = 1440 * days + 60 * hours + mins + (seconds > 0)
    else:
        total = int(plain[1]) * MINUTES[plain[2] or 'm'] if plain else 0
    if total < 1:
        raise ArgumentTypeError(f'expected HH:MM:SS, D-HH:MM:SS, 4h or minutes, got {word!r}')
    return total


def build_cluster_parser() -> Parser:
    """Make the parser of the words before ``--``."""
    parser = Parser(
        prog='qsmnet-bids-slurm',
        usage='qsmnet-bids-slurm BIDS OUT (--image X.sif | --command COMMAND) [options] '
        '[-- options of qsmnet-bids]\n       qsmnet-bids-slurm status FOLDER',
        description='Write a folder of scripts that process a dataset on a cluster, one subject '
        'per task of an array job, then the group. Its submit.sh submits what is not done yet.',
        allow_abbrev=False,
    )
    add = parser.add_argument
    add('bids_dir', metavar='BIDS', type=read.existing_dir, help='the raw BIDS dataset')
    add('output_dir', metavar='OUT', type=read.path, help='where the derivatives go')
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument('--image', type=read.existing_file, help='Apptainer image (.sif)')
    how.add_argument(
        '--command', type=_command, help='what starts the app without an image: qsmnet-bids'
    )
    add('--scheduler', choices=SCHEDULERS, default='slurm', help='default: slurm')
    add('--folder', type=read.path, help=f'of the scripts (default: OUT/{FOLDER})')
    add('-w', '--work-dir', type=read.path, default='work', help='default: ./work')
    add(
        '--participant-label',
        nargs='+',
        type=read.label,
        default=[],
        metavar='LABEL',
        help='subjects (default: all that have a run)',
    )
    _add_limits(parser)
    add('--bind', type=_existing, action='append', default=[], metavar='PATH',
        help='a further file or folder that the image must see; repeatable')  # fmt: skip
    add('--submit-option', action='append', default=[], metavar='WORD',
        help="for the scheduler's command, as in --submit-option=--partition=gpu; "
        'repeatable')  # fmt: skip
    add('--version', action='version', version=f'qsmnet-bids {__version__}')
    return parser


def _add_limits(parser: Parser) -> None:
    add = parser.add_argument_group('what each subject gets').add_argument
    add('--cpus', type=read.positive_int, default=4, metavar='N', help='default: 4')
    add('--mem', type=read.memory_gb, default=16.0, metavar='AMOUNT', help='default: 16G')
    add('--retry-mem', type=read.memory_gb, metavar='AMOUNT', help='of a second try (twice --mem)')
    add('--time', type=minutes, default=240, metavar='HH:MM:SS', help='default: 4:00:00')
    add('--gpus', type=_count, default=0, metavar='N', help='default: 0')
    add('--array-size', type=read.positive_int, default=1000, metavar='N',
        help='most tasks of one array job; further subjects go to further arrays '
        '(default: 1000)')  # fmt: skip
    add('--max-running', type=read.positive_int, metavar='N',
        help='most tasks of an array that run at once (default: no limit)')  # fmt: skip


def _app_settings(given: Namespace, app_words: tuple[str, ...]) -> Settings:
    """Let the app's own parser judge its options now, rather than in a hundred jobs."""
    levels = [str(given.bids_dir), str(given.output_dir), 'participant']
    chosen = vars(build_parser().parse_args([*levels, *app_words]))
    for key, option in (('participant_labels', '--participant-label'), ('work_dir', '--work-dir')):
        if key in chosen:
            raise SettingsError(f'{option} stands after --; expected before, as it is per subject')
    labels = ['--participant-label', *given.participant_label] if given.participant_label else []
    work_dir = ['--work-dir', str(given.work_dir)]
    return parse_arguments([*levels, *app_words, *labels, *work_dir])


def _outside(settings: Settings, app_words: tuple[str, ...]) -> tuple[Path, ...]:
    """Name the files of the app's options that lie neither in the dataset nor in the output."""
    named = [settings.bids_filter_file, settings.nipype_plugin_file, settings.bids_database_dir]
    named += settings.derivatives.values()
    named += [Path(word) for word in app_words if word.endswith('.toml')]
    known = (settings.bids_dir, settings.output_dir)
    return tuple(
        path
        for path in named
        if path is not None and not any(path.is_relative_to(folder) for folder in known)
    )


def _command(word: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(word))
    except ValueError as error:
        raise ArgumentTypeError(f'{error}, in {word!r}') from error
    if not words:
        raise ArgumentTypeError('expected a command, such as qsmnet-bids, got nothing')
    return words


def _existing(word: str) -> Path:
    if not read.path(word).exists():
        raise ArgumentTypeError(f'expected an existing file or folder, got {word!r}')
    return read.path(word)


def _count(word: str) -> int:
    if not word.isdecimal():
        raise ArgumentTypeError(f'expected a whole number, 0 or more, got {word!r}')
    return int(word)
