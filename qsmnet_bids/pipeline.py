"""Susceptibility from multi-echo data, in memory: the order of the stages, as code."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from qsmnet_bids.background import METHODS as BACKGROUNDS
from qsmnet_bids.fieldmap import METHODS as FIELDMAPS
from qsmnet_bids.fieldmap.relaxometry import relaxometry
from qsmnet_bids.inversion import METHODS as INVERSIONS
from qsmnet_bids.masking import METHODS as MASKINGS
from qsmnet_bids.referencing import Region, Segmentation
from qsmnet_bids.referencing import reference as to_reference
from qsmnet_bids.tensors import ChiMap, LocalField, Mask, MultiEcho, Relaxation, TotalField, Volume
from qsmnet_bids.two_pass import METHODS as PASSES
from qsmnet_bids.two_pass import combine, restrict
from qsmnet_bids.uncertainty import METHODS as UNCERTAINTIES
from qsmnet_bids.uncertainty import combine_passes
from qsmnet_bids.unwrapping import METHODS as UNWRAPPINGS
from qsmnet_bids.unwrapping import Unwrapping
from qsmnet_bids.weights.cards import is_one_step, uncertainty_factor

Result = TypeVar('Result')
Values = Mapping[str, bool | int | float | str]


@dataclass(frozen=True)
class Reconstruction:
    """All that one acquisition gives.

    Parameters
    ----------
    mask
        Where the total field was measured.
    total
        Field of all sources, ppm.
    local
        Field of the sources in the mask, ppm.
    chi
        Susceptibility, ppm.
    relaxation
        R2*, T2* and S0; None for a single echo.
    uncertainty
        Standard deviation of the susceptibility, ppm; None where it was not asked for.
    """

    mask: Mask
    total: TotalField
    local: LocalField
    chi: ChiMap
    relaxation: Relaxation | None
    uncertainty: Volume | None = None


def reconstruct(  # noqa: PLR0913 - one argument per stage
    echoes: MultiEcho,
    *,
    mask: Mask | None = None,
    masking: str = 'combined',
    unwrapping: Unwrapping = 'best_path',
    fieldmap: str = 'weighted_mean',
    background: str = 'lbv',
    inversion: str = 'dipolenet',
    reference: Region = 'mask',
    segmentation: Segmentation | None = None,
    labels: tuple[int, ...] = (),
    two_pass: bool = False,
    uncertainty: bool = False,
    parameters: Mapping[str, Values] | None = None,
) -> Reconstruction:
    """Take an acquisition all the way to susceptibility.

    Parameters
    ----------
    echoes
        Magnitude and wrapped phase.
    mask
        Where to reconstruct; None to find out by ``masking``.
    masking, unwrapping, fieldmap, background, inversion
        Names of methods, from the ``METHODS`` of each stage.
    reference
        Region whose mean susceptibility is zero.
    segmentation, labels
        Label map on the grid of the echoes and the values that count; only for the reference
        ``'segmentation'``.
    two_pass
        Whether a map from the voxels of reliable phase and one from the whole mask become one, so
        that strong sources streak less.
    uncertainty
        Whether the standard deviation of the susceptibility is estimated, by inverting copies of
        the local field.
    parameters
        Hyper-parameters that differ from the defaults, by method.

    Returns
    -------
        Every intermediate result.
    """
    given = dict(parameters or {})
    make_mask = _choose('masking', MASKINGS, masking)
    fit = _choose('fieldmap', FIELDMAPS, fieldmap)
    unwrap = _choose('unwrapping', UNWRAPPINGS, unwrapping)
    remove_background = _choose('background', BACKGROUNDS, background)
    invert = _choose('inversion', INVERSIONS, inversion)
    used = {
        masking: make_mask,
        unwrapping: unwrap,
        fieldmap: fit,
        background: remove_background,
        inversion: invert,
    }
    _check(given, used | _extras(two_pass=two_pass, uncertainty=uncertainty))
    if mask is None:
        mask = make_mask(echoes, **given.get(masking, {}))
    total = fit(
        echoes,
        mask=mask,
        unwrapping=unwrapping,
        unwrapping_parameters=given.get(unwrapping, {}),
        **given.get(fieldmap, {}),
    )
    relaxation = relaxometry(echoes, mask=mask) if len(echoes.echo_times) > 1 else None
    if relaxation is not None:
        total = replace(total, r2star=relaxation.r2star)
    local = remove_background(total, **given.get(background, {}))
    chi = invert(local, **given.get(inversion, {}))
    deviation = deviation_of(local, inversion=inversion, parameters=given) if uncertainty else None
    if two_pass:
        reliable = PASSES['two_pass'](echoes, **given.get('two_pass', {}))
        seen = remove_background(restrict(total, reliable=reliable), **given.get(background, {}))
        chi = combine(invert(seen, **given.get(inversion, {})), chi)
        if deviation is not None:
            first = deviation_of(seen, inversion=inversion, parameters=given)
            deviation = combine_passes(first, deviation, first_mask=seen.mask)
    chi = to_reference(
        chi, region=reference, r2star=total.r2star, segmentation=segmentation, labels=labels
    )
    return Reconstruction(mask, total, local, chi, relaxation, deviation)


def deviation_of(local: LocalField, *, inversion: str, parameters: Mapping[str, Values]) -> Volume:
    """Estimate the standard deviation of a map by a method of inversion.

    Parameters
    ----------
    local
        Field to invert.
    inversion
        Name of the method.
    parameters
        Hyper-parameters of the method and of ``'uncertainty'`` that differ from the defaults.

    Returns
    -------
        ppm, zero outside the mask.
    """
    invert = partial(INVERSIONS[inversion], **parameters.get(inversion, {}))
    if not is_one_step(inversion):
        local = replace(local, removed=None)
    options = {'factor': uncertainty_factor(inversion), **parameters.get('uncertainty', {})}
    found = UNCERTAINTIES['uncertainty'](local, method=lambda copy: invert(copy).chi, **options)
    return found.deviation


def _extras(*, two_pass: bool, uncertainty: bool) -> dict[str, Callable[..., object]]:
    """Give what has hyper-parameters and is done only if it is asked for."""
    return {**(PASSES if two_pass else {}), **(UNCERTAINTIES if uncertainty else {})}


def _choose(
    stage: str, methods: Mapping[str, Callable[..., Result]], name: str
) -> Callable[..., Result]:
    if name not in methods:
        raise ValueError(f'{stage} must be one of {sorted(methods)}, got {name!r}')
    return methods[name]


def _check(parameters: Mapping[str, Values], methods: Mapping[str, Callable[..., object]]) -> None:
    for method, values in parameters.items():
        if method not in methods:
            raise ValueError(
                f'parameters are for methods in use, {sorted(methods)}, got {method!r}'
            )
        arguments = inspect.signature(methods[method]).parameters.values()
        valid = sorted(a.name for a in arguments if type(a.default) in (bool, int, float, str))
        unknown = sorted(set(values) - set(valid))
        if unknown:
            raise ValueError(f'{method} has no parameter {unknown[0]!r}; it has {valid}')
