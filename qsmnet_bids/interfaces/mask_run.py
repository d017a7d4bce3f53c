"""The data of a run, and its mask: computed, or provided by the user."""

import json
from pathlib import Path

from nipype.interfaces.base import Bunch, File, SimpleInterface, TraitedSpec, isdefined, traits

from qsmnet_bids.interfaces import lazy
from qsmnet_bids.interfaces.specs import EchoesInputSpec


class MaskRunInputSpec(EchoesInputSpec):
    """A run and how to mask it."""

    method = traits.Str('combined', usedefault=True, desc='of the masking')
    provided = File(exists=True, desc='a mask to take as it is')
    two_pass = traits.Bool(desc='whether reliable voxels are needed')


class MaskRunOutputSpec(TraitedSpec):  # type: ignore[misc] # nipype has no types
    """Where to reconstruct, and the data as the nodes to come load them."""

    mask = File(exists=True, desc='npy, boolean')
    reliable = File(desc='npy, boolean: voxels of reliable phase, for two passes')
    magnitude = File(exists=True, desc='npy, all echoes')
    phase = File(exists=True, desc='npy, all echoes, rad')
    fingerprint = traits.Str(desc='of the files that the arrays were read from')
    steps = traits.List(traits.Dict, desc='for the sidecar')


class MaskRun(SimpleInterface):  # type: ignore[misc] # nipype has no types
    """Load and mask a run."""

    input_spec = MaskRunInputSpec
    output_spec = MaskRunOutputSpec

    def _run_interface(self, runtime: Bunch) -> Bunch:
        numerics, inputs = lazy.masking, self.inputs
        device = numerics.prepare(inputs.device, inputs.omp_nthreads)
        echoes = numerics.load_echoes(inputs, device)
        masks, steps = numerics.make_masks(
            echoes,
            method=inputs.method,
            provided=Path(inputs.provided) if isdefined(inputs.provided) else None,
            two_pass=isdefined(inputs.two_pass) and inputs.two_pass,
            parameters=json.loads(inputs.parameters),
        )
        self._results.update(numerics.save_echoes(echoes, inputs, runtime.cwd))
        for name, mask in masks.items():
            self._results[name] = numerics.save(mask, name, runtime.cwd)
        self._results['steps'] = [step.as_dict() for step in steps]
        return runtime
