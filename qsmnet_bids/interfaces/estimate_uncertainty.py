"""The uncertainty of the susceptibility of a run."""

import json

from nipype.interfaces.base import Bunch, File, SimpleInterface, TraitedSpec, isdefined, traits

from qsmnet_bids.interfaces import lazy
from qsmnet_bids.interfaces.specs import FieldInputSpec, fingerprint


class EstimateUncertaintyInputSpec(FieldInputSpec):
    """The local field, how it is inverted, and for two passes what is known of the first."""

    method = traits.Str('dipolenet', usedefault=True, desc='of the inversion')
    weights_sha256 = traits.Str('', usedefault=True, desc='so that a new network counts as new')
    factor = traits.Float(1.0, usedefault=True, desc='calibration of the method')
    first = File(exists=True, nohash=True, desc='uncertainty of the first pass, ppm')
    first_mask = File(exists=True, nohash=True, desc='where it is known')
    first_fingerprint = traits.Str(desc='of all that first was made from')
    first_steps = traits.List(traits.Dict, nohash=True, desc='how first was made')


class EstimateUncertaintyOutputSpec(TraitedSpec):  # type: ignore[misc] # nipype has no types
    """The uncertainty."""

    uncertainty = File(exists=True, desc='standard deviation of the susceptibility, ppm')
    quality = traits.Dict(desc='measures of it')
    steps = traits.List(traits.Dict, desc='for the sidecar')
    fingerprint = traits.Str(desc='of all that the outputs were made from')


class EstimateUncertainty(SimpleInterface):  # type: ignore[misc] # nipype has no types
    """Invert copies of the local field, and see what they do not agree upon."""

    input_spec = EstimateUncertaintyInputSpec
    output_spec = EstimateUncertaintyOutputSpec

    def _run_interface(self, runtime: Bunch) -> Bunch:
        numerics, inputs = lazy.uncertainty, self.inputs
        device = numerics.prepare(inputs.device, inputs.omp_nthreads)
        local = numerics.load_field(numerics.LocalField, inputs, device)
        deviation, step = numerics.estimate_uncertainty(
            local,
            method=inputs.method,
            factor=inputs.factor,
            parameters=json.loads(inputs.parameters),
        )
        if isdefined(inputs.first):
            first, known = (
                numerics.load(path).to(device) for path in (inputs.first, inputs.first_mask)
            )
            deviation = numerics.combine_passes(first, deviation, first_mask=known)
        self._results['uncertainty'] = numerics.save(deviation, 'uncertainty', runtime.cwd)
        self._results['quality'] = numerics.uncertainty_measures(deviation, mask=local.mask)
        self._results['fingerprint'] = fingerprint(inputs)
        earlier = inputs.first_steps if isdefined(inputs.first_steps) else []
        named = [done | {'stage': f'first {done["stage"]}'} for done in earlier]
        self._results['steps'] = [*named, step.as_dict()]
        return runtime
