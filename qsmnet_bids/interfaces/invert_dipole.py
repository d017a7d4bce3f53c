"""The susceptibility of a run, referenced and measured."""

import json

from nipype.interfaces.base import Bunch, SimpleInterface, traits

from qsmnet_bids.interfaces import lazy
from qsmnet_bids.interfaces.specs import MapOutputSpec, ReferenceInputSpec


class InvertDipoleInputSpec(ReferenceInputSpec):
    """The local field and how to invert it."""

    method = traits.Str('dipolenet', usedefault=True, desc='of the inversion')
    weights_sha256 = traits.Str('', usedefault=True, desc='so that a new network counts as new')


class InvertDipole(SimpleInterface):  # type: ignore[misc] # nipype has no types
    """Invert the local field and choose the zero of the map."""

    input_spec = InvertDipoleInputSpec
    output_spec = MapOutputSpec

    def _run_interface(self, runtime: Bunch) -> Bunch:
        numerics, inputs = lazy.inversion, self.inputs
        device = numerics.prepare(inputs.device, inputs.omp_nthreads)
        local = numerics.load_field(numerics.LocalField, inputs, device)
        chi, step = numerics.invert_dipole(
            local, method=inputs.method, parameters=json.loads(inputs.parameters)
        )
        outputs, zero = numerics.finish_map(chi, inputs, local=local, folder=runtime.cwd)
        self._results |= outputs | {'steps': [step.as_dict(), zero.as_dict()]}
        return runtime
