"""The total field of a run, and the decay of its magnitude."""

import json

from nipype.interfaces.base import Bunch, File, SimpleInterface, TraitedSpec, traits

from qsmnet_bids.interfaces import lazy
from qsmnet_bids.interfaces.specs import LoadedEchoesInputSpec, fingerprint


class FitFieldInputSpec(LoadedEchoesInputSpec):
    """A run and how to fit it."""

    mask = File(exists=True, mandatory=True, desc='where to fit')
    method = traits.Str('weighted_mean', usedefault=True, desc='of the field fit')
    unwrapping = traits.Str('best_path', usedefault=True, desc='method within it')


class FitFieldOutputSpec(TraitedSpec):  # type: ignore[misc] # nipype has no types
    """The field, and for several echoes the decay."""

    field = File(exists=True, desc='ppm')
    noise = File(exists=True, desc='standard deviation of the field, ppm')
    unwrapped = File(desc='phase that the field comes from, rad')
    sum_of_squares = File(desc='magnitude of all echoes, root of')
    r2star = File(desc='1/s')
    t2star = File(desc='s')
    s0 = File(desc='unit of the magnitude')
    quality = traits.Dict(desc='measures of the echoes')
    steps = traits.List(traits.Dict, desc='for the sidecar')
    fingerprint = traits.Str(desc='of all that the outputs were made from')


class FitField(SimpleInterface):  # type: ignore[misc] # nipype has no types
    """Fit the total field, R2*, T2* and S0."""

    input_spec = FitFieldInputSpec
    output_spec = FitFieldOutputSpec

    def _run_interface(self, runtime: Bunch) -> Bunch:
        numerics, inputs = lazy.fieldmap, self.inputs
        device = numerics.prepare(inputs.device, inputs.omp_nthreads)
        echoes = numerics.load_saved_echoes(inputs, device)
        total, relaxation, steps = numerics.fit_field(
            echoes,
            mask=numerics.load(inputs.mask).to(device),
            method=inputs.method,
            unwrapping=inputs.unwrapping,
            parameters=json.loads(inputs.parameters),
        )
        maps = {'field': total.field, 'noise': total.noise}
        maps |= {'sum_of_squares': total.magnitude} if total.magnitude is not None else {}
        maps |= {'unwrapped': total.unwrapped} if total.unwrapped is not None else {}
        maps |= vars(relaxation) if relaxation else {}
        for name, volume in maps.items():
            self._results[name] = numerics.save(volume, name, runtime.cwd)
        self._results['quality'] = numerics.echo_measures(
            echoes, total=total, relaxation=relaxation
        )
        self._results['fingerprint'] = fingerprint(inputs)
        self._results['steps'] = [step.as_dict() for step in steps]
        return runtime
