"""The susceptibility that several orientations of a head have in common."""

import json

from nipype.interfaces.base import Bunch, SimpleInterface

from qsmnet_bids.interfaces import lazy
from qsmnet_bids.interfaces.specs import MapOutputSpec, OrientationsInputSpec


class InvertOrientations(SimpleInterface):  # type: ignore[misc] # nipype has no types
    """Register the local fields, invert them together and choose the zero of the map."""

    input_spec = OrientationsInputSpec
    output_spec = MapOutputSpec

    def _run_interface(self, runtime: Bunch) -> Bunch:
        numerics, inputs = lazy.orientations, self.inputs
        device = numerics.prepare(inputs.device, inputs.omp_nthreads)
        fields = numerics.load_orientations(inputs, device)
        chi, steps = numerics.invert_orientations(
            fields,
            method=inputs.method,
            parameters=json.loads(inputs.parameters),
            names=inputs.names,
        )
        outputs, zero = numerics.finish_map(chi, inputs, local=fields[0], folder=runtime.cwd)
        self._results |= outputs | {'steps': [step.as_dict() for step in (*steps, zero)]}
        return runtime
