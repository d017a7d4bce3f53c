"""From the command line to ``Settings``, without importing anything heavy."""

import re
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from qsmnet_bids.cli.config import arguments_from_toml
from qsmnet_bids.cli.options import LEVELS, METHODS, Parser, build_parser
from qsmnet_bids.cli.parameters import checked
from qsmnet_bids.errors import SettingsError
from qsmnet_bids.settings import JOINT_INVERSIONS, PRESETS, Parameters, Settings

EXTRAS = ('two_pass', 'uncertainty', 'swi')
"""What has hyper-parameters and is done only if it is asked for."""


def parse_arguments(argv: Sequence[str] | None = None) -> Settings:
    """Read the command line, over the values of ``--config-file`` if there is one.

    Parameters
    ----------
    argv
        Words after the program's name; None for those of this process.
    """
    words = [_with_dashes(word) for word in (sys.argv[1:] if argv is None else argv)]
    parser = build_parser()
    namespace = parser.parse_args(words)
    preset = _of_preset(namespace)
    if 'config_file' in namespace:
        config = _parse_config(parser, namespace)
        settled = vars(config)
        if preset:  # the command line's preset wins over the file's methods
            settled.update(preset)
        else:
            preset = _of_preset(config)
        namespace = parser.parse_args(words, config)
    given = preset | vars(namespace)
    for key in ('config_file', 'notrack'):
        given.pop(key, None)
    parameters: Parameters = {}
    for method, name, value in given.pop('parameters', ()):
        parameters.setdefault(method, {})[name] = value
    given['derivatives'] = dict(given.get('derivatives', ()))
    for key in ('participant_labels', 'session_labels', 'reference_labels', 'atlas'):
        given[key] = tuple(dict.fromkeys(given.get(key, ())))
    given['analysis_levels'] = tuple(
        level for level in LEVELS if level in given['analysis_levels']
    )
    given.setdefault('work_dir', Path('work').absolute())
    settings = Settings(**given)
    _check(settings)
    _check_reference(settings)
    _check_orientations(settings)
    methods = {stage: getattr(settings, stage) for stage in METHODS if stage != 'reference'}
    if settings.inversion in JOINT_INVERSIONS:
        methods['orientations'] = methods.pop('inversion')
    methods |= {extra: extra for extra in EXTRAS if getattr(settings, extra)}
    return replace(settings, parameters=checked(parameters, methods))


def _of_preset(given: Namespace) -> dict[str, str]:
    return PRESETS[given.preset] if 'preset' in given else {}


def _with_dashes(word: str) -> str:
    """Turn ``--work_dir`` into ``--work-dir``: BIDS Apps have both spellings."""
    return re.sub(r'^--[^=]+', lambda option: option[0].replace('_', '-'), word)


def _parse_config(parser: Parser, given: Namespace) -> Namespace:
    """Read ``--config-file`` as if its values stood on the command line."""
    positionals = [str(given.bids_dir), str(given.output_dir), *given.analysis_levels]
    try:
        return parser.parse_args([*positionals, *arguments_from_toml(given.config_file)])
    except SettingsError as error:
        raise SettingsError(f'{given.config_file}: {error}') from error


def _check(settings: Settings) -> None:
    """Refuse what cannot go together."""
    bids_dir, output_dir, work_dir = (
        folder.resolve() for folder in (settings.bids_dir, settings.output_dir, settings.work_dir)
    )
    if output_dir == bids_dir:
        raise SettingsError(
            'output_dir is bids_dir; expected another folder, such as '
            f'{bids_dir / "derivatives" / "qsmnet-bids"}'
        )
    if work_dir.is_relative_to(bids_dir):
        raise SettingsError(
            f'--work-dir {work_dir} lies inside bids_dir; expected a folder elsewhere, as the '
            'dataset is only ever read'
        )
    for name, folder in (('bids_dir', bids_dir), ('output_dir', output_dir)):
        if folder.is_relative_to(work_dir):
            raise SettingsError(f'{name} lies inside --work-dir {work_dir}; expected another')
    if settings.mask is not None and not settings.derivatives:
        raise SettingsError('--mask needs --derivatives NAME=PATH, to say where the masks are')
    if settings.analysis_levels == ('group',) and not output_dir.is_dir():
        raise SettingsError(
            f'output_dir {output_dir} does not exist; the group level needs the output of the '
            'participant level'
        )


def _check_orientations(settings: Settings) -> None:
    """Refuse what is of one run, where several become one map."""
    for extra in EXTRAS:
        if getattr(settings, extra) and settings.inversion in JOINT_INVERSIONS:
            raise SettingsError(
                f'--{extra.replace("_", "-")} works on one run, but --inversion '
                f'{settings.inversion} makes one map of several; leave one of them out'
            )


def _check_reference(settings: Settings) -> None:
    """Refuse a segmentation that is not named, or labels that have no use."""
    wants_labels = settings.reference == 'segmentation'
    if wants_labels and not (
        settings.derivatives and settings.segmentation and settings.reference_labels
    ):
        raise SettingsError(
            '--reference segmentation needs --derivatives NAME=PATH, --segmentation DESC and '
            '--reference-labels, as in --derivatives fs=fmriprep --segmentation aseg '
            '--reference-labels 4 43'
        )
    if settings.reference_labels and not wants_labels:
        raise SettingsError('--reference-labels is only for --reference segmentation')
