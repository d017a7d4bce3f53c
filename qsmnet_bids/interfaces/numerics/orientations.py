"""For the node that makes one map of several orientations."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from qsmnet_bids.interfaces.numerics.calling import call, prepare, with_convergence
from qsmnet_bids.interfaces.numerics.mapping import finish_map
from qsmnet_bids.interfaces.specs import OrientationsInputSpec
from qsmnet_bids.interfaces.steps import Parameters, Step, Value, hyper_parameters
from qsmnet_bids.interfaces.volumes import load, load_field
from qsmnet_bids.orientations import (
    METHODS,
    Aligned,
    align,
    check_angles,
    condition_number,
    least_angle,
)
from qsmnet_bids.tensors import ChiMap, LocalField

__all__ = [
    'finish_map',
    'invert_orientations',
    'load_orientations',
    'prepare',
]
TWO = (
    'Two orientations leave frequencies where the cones of both dipoles meet undetermined; three '
    'or more do not'
)


def load_orientations(inputs: OrientationsInputSpec, device: torch.device) -> list[LocalField]:
    """Load the local fields of all orientations, the first one's first.

    Parameters
    ----------
    inputs
        Of the node.
    device
        Where to.
    """
    first = load_field(LocalField, inputs, device)
    others = zip(
        inputs.other_fields,
        inputs.other_noises,
        inputs.other_masks,
        inputs.other_magnitudes,
        inputs.other_b0_dirs,
        strict=True,
    )
    return [
        first,
        *(
            LocalField(
                load(field).to(device),
                load(noise).to(device),
                load(mask).to(device),
                inputs.voxel_size,
                b0_dir,
                magnitude=load(magnitude).to(device),
            )
            for field, noise, mask, magnitude, b0_dir in others
        ),
    ]


def invert_orientations(
    fields: Sequence[LocalField], *, method: str, parameters: Parameters, names: Sequence[str]
) -> tuple[ChiMap, list[Step]]:
    """Register the orientations, and find the susceptibility that explains all of them.

    Parameters
    ----------
    fields
        Of one head, the first one's grid is the map's.
    method
        Of the inversion.
    parameters
        That differ from the defaults, by method.
    names
        Of the orientations' runs.
    """
    aligned, registration = call('registration', 'rigid', lambda: _register(fields, names))
    given = parameters.get(method, {})
    values = hyper_parameters(METHODS[method], given)
    chi, inversion = call(
        'inversion', method, lambda: METHODS[method](aligned.fields, **given), values
    )
    b0_dirs = [local.b0_dir for local in aligned.fields]
    found: dict[str, Value] = {
        f'B0_dir_{number}': ' '.join(f'{x + 0.0:.4f}' for x in b0_dir)
        for number, b0_dir in enumerate(b0_dirs, 1)
    }
    found |= {
        f'shift_{number}_mm': ' '.join(f'{x:.2f}' for x in shift.tolist())
        for number, shift in enumerate(aligned.shifts[1:], 2)
    }
    found |= {
        'least_angle_deg': round(least_angle(b0_dirs), 2),
        'condition_number': round(condition_number(b0_dirs), 2),
    }
    warnings = (TWO,) if len(fields) == 2 else ()
    registration = replace(registration, parameters=found, warnings=warnings)
    return chi, [registration, with_convergence(inversion, chi.convergence)]


def _register(fields: Sequence[LocalField], names: Sequence[str]) -> Aligned:
    aligned = align(fields)
    check_angles([local.b0_dir for local in aligned.fields], names=names)
    return aligned
