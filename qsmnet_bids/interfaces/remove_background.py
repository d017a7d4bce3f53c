"""The local field of a run."""

import json

from nipype.interfaces.base import Bunch, File, SimpleInterface, TraitedSpec, isdefined, traits

from qsmnet_bids.interfaces import lazy
from qsmnet_bids.interfaces.specs import FieldInputSpec, fingerprint


class RemoveBackgroundInputSpec(FieldInputSpec):
    """The total field and how to split it."""

    method = traits.Str('lbv', usedefault=True, desc='of the background removal')
    weights_sha256 = traits.Str('', usedefault=True, desc='so that a new network counts as new')
    is_one_step = traits.Bool(
        default_value=False,
        usedefault=True,
        desc='whether the inversion asks for what was removed',
    )
    reliable = File(exists=True, desc='all that the first of two passes may see')


class RemoveBackgroundOutputSpec(TraitedSpec):  # type: ignore[misc] # nipype has no types
    """The local field."""

    field = File(exists=True, desc='ppm')
    noise = File(exists=True, desc='standard deviation of the field, ppm')
    mask = File(exists=True, desc='where the local field is known')
    removed = File(exists=True, desc='ppm')
    removed_noise = File(exists=True, desc='standard deviation of the total field, ppm')
    removed_mask = File(exists=True, desc='of the total field')
    steps = traits.List(traits.Dict, desc='for the sidecar')
    fingerprint = traits.Str(desc='of all that the outputs were made from')


class RemoveBackground(SimpleInterface):  # type: ignore[misc] # nipype has no types
    """Remove the field of sources outside the mask."""

    input_spec = RemoveBackgroundInputSpec
    output_spec = RemoveBackgroundOutputSpec

    def _run_interface(self, runtime: Bunch) -> Bunch:
        numerics, inputs = lazy.background, self.inputs
        device = numerics.prepare(inputs.device, inputs.omp_nthreads)
        local, steps = numerics.remove_background(
            numerics.load_field(numerics.TotalField, inputs, device),
            method=inputs.method,
            parameters=json.loads(inputs.parameters),
            reliable=numerics.load(inputs.reliable).to(device)
            if isdefined(inputs.reliable)
            else None,
        )
        volumes = {name: getattr(local, name) for name in ('field', 'noise', 'mask')}
        if inputs.is_one_step and local.removed is not None:
            taken = local.removed
            volumes['removed'] = taken.field
            volumes |= {'removed_noise': taken.noise, 'removed_mask': taken.mask}
        for name, volume in volumes.items():
            self._results[name] = numerics.save(volume, name, runtime.cwd)
        self._results['fingerprint'] = fingerprint(inputs)
        self._results['steps'] = [step.as_dict() for step in steps]
        return runtime
