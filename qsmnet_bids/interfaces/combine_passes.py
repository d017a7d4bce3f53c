"""The susceptibility of a run from two passes, referenced and measured."""

from nipype.interfaces.base import Bunch, File, SimpleInterface, TraitedSpec, traits

from qsmnet_bids.interfaces import lazy
from qsmnet_bids.interfaces.specs import ReferenceInputSpec, fingerprint
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


class CombinePassesOutputSpec(TraitedSpec):  # type: ignore[misc] # nipype has no types
    """The susceptibility."""

    chi = File(exists=True, desc='ppm')
    residual = File(exists=True, desc='field of chi minus the local field, ppm')
    quality = traits.Dict(desc='measures of the map')
    steps = traits.List(traits.Dict, desc='for the sidecar')
    fingerprint = traits.Str(desc='of all that the outputs were made from')


class CombinePasses(SimpleInterface):  # type: ignore[misc] # nipype has no types
    """Make one map of two passes and choose its zero."""

    input_spec = CombinePassesInputSpec
    output_spec = CombinePassesOutputSpec

    def _run_interface(self, runtime: Bunch) -> Bunch:
        numerics, inputs = lazy.passes, self.inputs
        device = numerics.prepare(inputs.device, inputs.omp_nthreads)
        local = numerics.load_field(numerics.LocalField, inputs, device)
        second, first, mask = (
            numerics.load(path).to(device)
            for path in (inputs.chi, inputs.first_chi, inputs.first_mask)
        )
        chi = numerics.combine_passes(local, second_chi=second, first_chi=first, first_mask=mask)
        # of the map as inverted: a constant taken off within the mask has a field of its own
        residual = numerics.forward_residual(chi, local=local)
        chi, zero = numerics.choose_zero(chi, inputs, r2star=local.r2star)
        self._results['chi'] = numerics.save(chi.chi, 'chi', runtime.cwd)
        self._results['residual'] = numerics.save(residual, 'residual', runtime.cwd)
        self._results['quality'] = numerics.quality_measures(chi, local=local, residual=residual)
        self._results['fingerprint'] = fingerprint(inputs)
        first_steps = [*inputs.first_background_steps, *inputs.first_steps]
        steps = [*_named_first(first_steps), *_inversions(inputs.steps)]
        self._results['steps'] = [*steps, zero.as_dict()]
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
