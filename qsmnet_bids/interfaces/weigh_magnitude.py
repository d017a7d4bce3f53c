"""The susceptibility-weighted image of a run."""

import json

from nipype.interfaces.base import Bunch, File, SimpleInterface, TraitedSpec, traits

from qsmnet_bids.interfaces import lazy
from qsmnet_bids.interfaces.specs import LoadedEchoesInputSpec


class WeighMagnitudeInputSpec(LoadedEchoesInputSpec):
    """A run and where to weigh it."""

    mask = File(exists=True, mandatory=True)


class WeighMagnitudeOutputSpec(TraitedSpec):  # type: ignore[misc] # nipype has no types
    """The image and its projection."""

    swi = File(exists=True, desc='unit of the magnitude')
    minip = File(exists=True, desc='unit of the magnitude')
    steps = traits.List(traits.Dict, desc='for the sidecar')


class WeighMagnitude(SimpleInterface):  # type: ignore[misc] # nipype has no types
    """Weigh the magnitude by the phase."""

    input_spec = WeighMagnitudeInputSpec
    output_spec = WeighMagnitudeOutputSpec

    def _run_interface(self, runtime: Bunch) -> Bunch:
        numerics, inputs = lazy.weighting, self.inputs
        device = numerics.prepare(inputs.device, inputs.omp_nthreads)
        images, step = numerics.weigh(
            numerics.load_saved_echoes(inputs, device),
            mask=numerics.load(inputs.mask).to(device),
            parameters=json.loads(inputs.parameters),
        )
        self._results['swi'] = numerics.save(images.swi, 'swi', runtime.cwd)
        self._results['minip'] = numerics.save(images.mip, 'minip', runtime.cwd)
        self._results['steps'] = [step.as_dict()]
        return runtime
