"""The mask of a run: computed, or provided by the user."""

import json
from pathlib import Path

from nipype.interfaces.base import Bunch, File, SimpleInterface, TraitedSpec, isdefined, traits

from qsmnet_bids.interfaces import lazy
from qsmnet_bids.interfaces.specs import EchoesInputSpec
from qsmnet_bids.interfaces.steps import Step


class MaskRunInputSpec(EchoesInputSpec):
    """A run and how to mask it."""

    method = traits.Str('combined', usedefault=True, desc='of the masking')
    provided = File(exists=True, desc='a mask to take as it is')


class MaskRunOutputSpec(TraitedSpec):  # type: ignore[misc] # nipype has no types
    """Where to reconstruct."""

    mask = File(exists=True, desc='uint8')
    steps = traits.List(traits.Dict, desc='for the sidecar')


class MaskRun(SimpleInterface):  # type: ignore[misc] # nipype has no types
    """Mask a run."""

    input_spec = MaskRunInputSpec
    output_spec = MaskRunOutputSpec

    def _run_interface(self, runtime: Bunch) -> Bunch:
        numerics, inputs = lazy.numerics, self.inputs
        device = numerics.prepare(inputs.device, inputs.omp_nthreads)
        if isdefined(inputs.provided):
            mask = numerics.load_mask(Path(inputs.provided))
            steps = [Step('masking', 'provided')]
        else:
            echoes = numerics.load_echoes(inputs, device)
            mask, steps = numerics.make_mask(
                echoes, method=inputs.method, parameters=json.loads(inputs.parameters)
            )
        self._results['mask'] = numerics.save(mask, 'mask', runtime.cwd, inputs.magnitude[0])
        self._results['steps'] = [step.as_dict() for step in steps]
        return runtime
