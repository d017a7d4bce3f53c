"""What ``qsmnet-bids-stage`` does once its arguments are clear."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import torch

from qsmnet_bids import background, fieldmap, inversion
from qsmnet_bids.bidsio.images import save_volume
from qsmnet_bids.cli.artifacts import Artifacts
from qsmnet_bids.cli.parameters import checked
from qsmnet_bids.errors import SettingsError
from qsmnet_bids.fieldmap.relaxometry import relaxometry
from qsmnet_bids.pipeline import deviation_of
from qsmnet_bids.settings import Parameters
from qsmnet_bids.tensors import ChiMap, LocalField, Mask, TotalField, Volume
from qsmnet_bids.weights.cards import is_one_step

NEED_MAGNITUDE = ('medi',)
"""Inversions that look at its edges."""


def run_stage(
    methods: Mapping[str, str],
    input_dir: Path,
    output_dir: Path,
    *,
    parameters: Parameters,
    device: str = 'auto',
    uncertainty: bool = False,
) -> list[Path]:
    """Read a case, run one step or several that follow each other, and write what the last gives.

    Parameters
    ----------
    methods
        Method of each step, in the order of the data: ``fieldmap``, ``background``, ``inversion``.
    input_dir, output_dir
        Folders of artifacts; ``params.json`` is copied, so that the output can be an input.
    parameters
        Hyper-parameters by method and name.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    uncertainty
        Whether the standard deviation of the susceptibility is written too.

    Returns
    -------
        The images written.
    """
    asked_for = {'uncertainty': 'uncertainty'} if uncertainty else {}
    parameters = checked(parameters, {**methods, **asked_for})
    case = Artifacts(input_dir, find_device(device))
    chosen = {step: parameters.get(method, {}) for step, method in methods.items()}
    with_magnitude = methods.get('inversion') in NEED_MAGNITUDE
    if 'background' not in methods and is_one_step(methods.get('inversion', '')):
        raise SettingsError(
            f'{methods["inversion"]} starts from the total field; run bfr+dipole or end-to-end'
        )
    record: TotalField | LocalField | ChiMap
    if 'fieldmap' in methods:
        fit: Callable[..., TotalField] = fieldmap.METHODS[methods['fieldmap']]
        echoes, mask = case.multi_echo(), case.mask()
        record = fit(echoes, mask=mask, **chosen['fieldmap'])
        if with_magnitude and len(echoes.echo_times) > 1:
            record = replace(record, r2star=relaxometry(echoes, mask=mask).r2star)
    elif 'background' in methods:
        record = case.total_field(with_magnitude=with_magnitude)
    else:
        record = case.local_field(with_magnitude=with_magnitude)
    if 'background' in methods:
        remove: Callable[..., LocalField] = background.METHODS[methods['background']]
        record = remove(record, **chosen['background'])
    if 'inversion' in methods:
        invert: Callable[..., ChiMap] = inversion.METHODS[methods['inversion']]
        local, record = record, invert(record, **chosen['inversion'])
        if uncertainty and isinstance(local, LocalField):
            method = methods['inversion']
            deviation = deviation_of(local, inversion=method, parameters=parameters)
            return _write(record, case, output_dir, {'uncertainty': deviation})
    return _write(record, case, output_dir)


def find_device(name: str) -> torch.device:
    """Turn ``auto``, ``cpu``, ``cuda`` or ``cuda:N`` into a device that is there."""
    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == 'auto':
        return torch.device('cuda' if n_gpus else 'cpu')
    asked = torch.device(name)
    if asked.type == 'cuda' and (asked.index or 0) >= n_gpus:
        raise SettingsError(
            f'--device {name}: torch finds {n_gpus} CUDA devices; try --device cpu'
        )
    return asked


def _write(
    record: TotalField | LocalField | ChiMap,
    case: Artifacts,
    output_dir: Path,
    beside: Mapping[str, Volume] | None = None,
) -> list[Path]:
    images: dict[str, Volume | Mask]
    if isinstance(record, ChiMap):
        images = {'chimap': record.chi}
    elif isinstance(record, LocalField):
        images = {'localfield': record.field, 'mask': record.mask}
    else:
        images = {'totalfield': record.field}
    like, written = case.find('mask'), []
    for name, volume in {**images, **(beside or {})}.items():
        written.append(output_dir / f'{name}.nii.gz')
        save_volume(volume, written[-1], like=like)
    if output_dir.resolve() != case.folder.resolve():
        shutil.copyfile(case.folder / 'params.json', output_dir / 'params.json')
    return written
