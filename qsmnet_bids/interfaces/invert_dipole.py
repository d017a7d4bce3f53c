"""The susceptibility of a run, referenced and measured."""

import json

from nipype.interfaces.base import Bunch, File, SimpleInterface, TraitedSpec, traits

from qsmnet_bids.interfaces import lazy
from qsmnet_bids.interfaces.specs import ReferenceInputSpec, fingerprint


class InvertDipoleInputSpec(ReferenceInputSpec):
    """The local field and how to invert it."""

    method = traits.Str('tikhonov', usedefault=True, desc='of the inversion')
    weights_sha256 = traits.Str('', usedefault=True, desc='so that a new network counts as new')


class InvertDipoleOutputSpec(TraitedSpec):  # type: ignore[misc] # nipype has no types
    """The susceptibility."""

    chi = File(exists=True, desc='ppm')
    residual = File(exists=True, desc='field of chi minus the local field, ppm')
    quality = traits.Dict(desc='measures of the map')
    steps = traits.List(traits.Dict, desc='for the sidecar')
    fingerprint = traits.Str(desc='of all that the outputs were made from')


class InvertDipole(SimpleInterface):  # type: ignore[misc] # nipype has no types
    """Invert the local field and choose the zero of the map."""

    input_spec = InvertDipoleInputSpec
    output_spec = InvertDipoleOutputSpec

    def _run_interface(self, runtime: Bunch) -> Bunch:
        numerics, inputs = lazy.inversion, self.inputs
        device = numerics.prepare(inputs.device, inputs.omp_nthreads)
        local = numerics.load_field(numerics.LocalField, inputs, device)
        chi, step = numerics.invert_dipole(
            local, method=inputs.method, parameters=json.loads(inputs.parameters)
        )
        # of the map as inverted: a constant taken off within the mask has a field of its own
        residual = numerics.forward_residual(chi, local=local)
        chi, zero = numerics.choose_zero(chi, inputs, r2star=local.r2star)
        self._results['chi'] = numerics.save(chi.chi, 'chi', runtime.cwd)
        self._results['residual'] = numerics.save(residual, 'residual', runtime.cwd)
        self._results['quality'] = numerics.quality_measures(chi, local=local, residual=residual)
        self._results['fingerprint'] = fingerprint(inputs)
        self._results['steps'] = [step.as_dict(), zero.as_dict()]
        return runtime
