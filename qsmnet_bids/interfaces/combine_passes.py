"""The susceptibility of a run from two passes, referenced and measured."""

from nipype.interfaces.base import Bunch, File, SimpleInterface, traits

from qsmnet_bids.interfaces import lazy
from qsmnet_bids.interfaces.specs import MapOutputSpec, ReferenceInputSpec
from qsmnet_bids.interfaces.steps import StepDict


class CombinePassesInputSpec(ReferenceInputSpec):
    """The local field of the second pass, and the maps of both."""

    chi = File(exists=True, mandatory=True, nohash=True, desc='of the second pass, ppm')
    first_chi = File(exists=True, mandatory=True, nohash=True, desc='of the first pass, ppm')
    first_mask = File(exists=True, mandatory=True, nohash=True, desc='where it is known')
    first_fingerprint = traits.Str(mandatory=True, desc='of all that first_chi was made from')
    steps = traits.List(traits.Dict, mandatory=True, desc='of the second inversion')
    first_background_steps = traits.List(traits.Dict, mandatory=True)
    first_steps = traits.List(traits.Dict, mandatory=True, desc='of the first inversion')


class CombinePasses(SimpleInterface):  # type: ignore[misc] # nipype has no types
    """Make one map of two passes and choose its zero."""

    input_spec = CombinePassesInputSpec
    output_spec = MapOutputSpec

    def _run_interface(self, runtime: Bunch) -> Bunch:
        numerics, inputs = lazy.passes, self.inputs
        device = numerics.prepare(inputs.device, inputs.omp_nthreads)
        local = numerics.load_field(numerics.LocalField, inputs, device)
        second, first, mask = (
            numerics.load(path).to(device)
            for path in (inputs.chi, inputs.first_chi, inputs.first_mask)
        )
        chi = numerics.combine_passes(local, second_chi=second, first_chi=first, first_mask=mask)
        outputs, zero = numerics.finish_map(chi, inputs, local=local, folder=runtime.cwd)
        first_steps = [*inputs.first_background_steps, *inputs.first_steps]
        steps = [*_named_first(first_steps), *_inversions(inputs.steps)]
        self._results |= outputs | {'steps': [*steps, zero.as_dict()]}
        return runtime


def _named_first(steps: list[StepDict]) -> list[StepDict]:
    """Mark the steps of the first pass, without its referencing, which did nothing."""
    return [
        step | {'stage': f'first {step["stage"]}'}
        for step in steps
        if step['stage'] != 'referencing'
    ]


def _inversions(steps: list[StepDict]) -> list[StepDict]:
    return [step for step in steps if step['stage'] == 'inversion']
