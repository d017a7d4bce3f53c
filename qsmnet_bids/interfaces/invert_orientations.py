"""The susceptibility that several orientations of a head have in common."""

import json

from nipype.interfaces.base import Bunch, SimpleInterface

from qsmnet_bids.interfaces import lazy
from qsmnet_bids.interfaces.invert_dipole import InvertDipoleOutputSpec
from qsmnet_bids.interfaces.specs import OrientationsInputSpec, fingerprint


class InvertOrientations(SimpleInterface):  # type: ignore[misc] # nipype has no types
    """Register the local fields, invert them together and choose the zero of the map."""

    input_spec = OrientationsInputSpec
    output_spec = InvertDipoleOutputSpec

    def _run_interface(self, runtime: Bunch) -> Bunch:
        numerics, inputs = lazy.orientations, self.inputs
        device = numerics.prepare(inputs.device, inputs.omp_nthreads)
        fields = numerics.load_orientations(inputs, device)
        chi, steps = numerics.invert_orientations(
            fields, method=inputs.method, parameters=json.loads(inputs.parameters)
        )
        # of the map as inverted: a constant taken off within the mask has a field of its own
        residual = numerics.forward_residual(chi, local=fields[0])
        chi, zero = numerics.choose_zero(chi, inputs, r2star=fields[0].r2star)
        self._results['chi'] = numerics.save(chi.chi, 'chi', runtime.cwd)
        self._results['residual'] = numerics.save(residual, 'residual', runtime.cwd)
        quality = numerics.quality_measures(chi, local=fields[0], residual=residual)
        self._results['quality'] = quality
        self._results['fingerprint'] = fingerprint(inputs)
        self._results['steps'] = [step.as_dict() for step in (*steps, zero)]
        return runtime
