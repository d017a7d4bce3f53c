"""The figures of a run, drawn into the node's folder."""

from pathlib import Path

from nipype.interfaces.base import (
    Bunch,
    File,
    OutputMultiObject,
    SimpleInterface,
    TraitedSpec,
    isdefined,
    traits,
)

from qsmnet_bids.bidsio.nifti import open_image
from qsmnet_bids.interfaces import lazy
from qsmnet_bids.interfaces.specs import LoadedEchoesInputSpec

MAPS = (
    'mask',
    'total',
    'local',
    'chi',
    'r2star',
    'residual',
    'unwrapped',
    'uncertainty',
    'swi',
    'minip',
)
"""Inputs that are one volume."""


class DrawFiguresInputSpec(LoadedEchoesInputSpec):
    """A run and what was made of it."""

    name = traits.Str(mandatory=True, desc='of the run, as in sub-01_run-1')
    suffix = traits.Str('MEGRE', usedefault=True, desc='of the run')
    inversion = traits.Str(mandatory=True, desc='method that made chi')
    like = File(exists=True, mandatory=True, desc='an image of the run, for its affine')
    mask = File(exists=True, mandatory=True, nohash=True)
    total = File(exists=True, mandatory=True, nohash=True, desc='ppm')
    local = File(exists=True, mandatory=True, nohash=True, desc='ppm')
    chi = File(exists=True, mandatory=True, nohash=True, desc='ppm')
    r2star = File(exists=True, nohash=True, desc='1/s; drawn if given')
    residual = File(exists=True, nohash=True, desc='ppm; drawn if given')
    unwrapped = File(exists=True, nohash=True, desc='phase, rad; drawn if given')
    uncertainty = File(exists=True, nohash=True, desc='of chi, ppm; drawn if given')
    uncertainty_fingerprint = traits.Str(desc='of all that uncertainty was made from')
    swi = File(exists=True, desc='drawn if given')
    minip = File(exists=True, desc='its projection')


class DrawFiguresOutputSpec(TraitedSpec):  # type: ignore[misc] # nipype has no types
    """What was drawn."""

    figures = OutputMultiObject(File(exists=True), desc='PNG')


class DrawFigures(SimpleInterface):  # type: ignore[misc] # nipype has no types
    """Draw the figures of a run."""

    input_spec = DrawFiguresInputSpec
    output_spec = DrawFiguresOutputSpec

    def _run_interface(self, runtime: Bunch) -> Bunch:
        numerics, inputs = lazy.figures, self.inputs
        echoes = numerics.load_saved_echoes(inputs, numerics.prepare('cpu', inputs.omp_nthreads))
        maps = {
            name: numerics.load(getattr(inputs, name)).numpy()
            for name in MAPS
            if isdefined(getattr(inputs, name))
        }
        figures = numerics.draw_figures(
            Path(runtime.cwd) / inputs.name,
            magnitude=echoes.magnitude.numpy(),
            phase=echoes.phase.numpy(),
            affine=open_image(Path(inputs.like)).affine,
            inversion=inputs.inversion,
            suffix=inputs.suffix,
            **maps,
        )
        self._results['figures'] = [str(path) for path in figures]
        return runtime
