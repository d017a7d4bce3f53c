"""All that a run leaves in the output dataset."""

from itertools import chain
from pathlib import Path

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    Bunch,
    File,
    OutputMultiObject,
    SimpleInterface,
    TraitedSpec,
    isdefined,
    traits,
)

from qsmnet_bids.bidsio.acquisition import Acquisition
from qsmnet_bids.interfaces.derivatives import Origin, Outcome, write_run

STEPS = (
    'mask_steps',
    'field_steps',
    'background_steps',
    'inversion_steps',
    'uncertainty_steps',
    'weighting_steps',
)
"""In the order of the data."""
QUALITIES = ('field_quality', 'quality', 'uncertainty_quality')


class WriteDerivativesInputSpec(BaseInterfaceInputSpec):  # type: ignore[misc] # no types
    """A run, its maps, and how they were made."""

    acquisition = traits.Instance(Acquisition, mandatory=True)
    bids_dir = traits.Str(mandatory=True, desc='root of the raw dataset')
    output_dir = traits.Str(mandatory=True, desc='root of the output dataset')
    version = traits.Str('', usedefault=True, desc='of this package')
    mask = File(exists=True, mandatory=True, nohash=True)
    chi = File(exists=True, mandatory=True, nohash=True, desc='ppm')
    r2star = File(exists=True, nohash=True, desc='1/s')
    t2star = File(exists=True, nohash=True, desc='s')
    s0 = File(exists=True, nohash=True, desc='unit of the magnitude')
    total = File(exists=True, nohash=True, desc='ppm; written if given')
    local = File(exists=True, nohash=True, desc='ppm; written if given')
    uncertainty = File(exists=True, nohash=True, desc='of chi, ppm; written if given')
    swi = File(exists=True, nohash=True, desc='written if given')
    minip = File(exists=True, nohash=True, desc='its projection; written if given')
    quality = traits.Dict(mandatory=True, desc='measures of the map')
    field_quality = traits.Dict(desc='measures of the echoes')
    uncertainty_quality = traits.Dict(desc='measures of the uncertainty')
    weights = traits.DictStrStr(desc='name and sha256 of a network')
    mask_steps = traits.List(traits.Dict, mandatory=True)
    field_steps = traits.List(traits.Dict, mandatory=True)
    background_steps = traits.List(traits.Dict, mandatory=True)
    inversion_steps = traits.List(traits.Dict, mandatory=True)
    uncertainty_steps = traits.List(traits.Dict)
    weighting_steps = traits.List(traits.Dict)


class WriteDerivativesOutputSpec(TraitedSpec):  # type: ignore[misc] # nipype has no types
    """What was written."""

    out_files = OutputMultiObject(File(exists=True))


class WriteDerivatives(SimpleInterface):  # type: ignore[misc] # nipype has no types
    """Write maps and sidecars of a run.

    Runs each time: what lies in the output folder is not known to the work folder.
    """

    input_spec = WriteDerivativesInputSpec
    output_spec = WriteDerivativesOutputSpec
    _always_run = True

    def _run_interface(self, runtime: Bunch) -> Bunch:
        given = {key: value for key, value in self.inputs.get().items() if isdefined(value)}
        qualities = (given.get(name, {}).items() for name in QUALITIES)
        outcome = Outcome(
            maps={key: Path(given[key]) for key in Outcome.MAPS if key in given},
            steps=[step for stage in STEPS for step in given.get(stage, [])],
            quality=dict(chain.from_iterable(qualities)),
            weights=given.get('weights'),
        )
        origin = Origin(given['acquisition'], Path(given['bids_dir']), Path(given['output_dir']))
        self._results['out_files'] = [str(path) for path in write_run(origin, outcome)]
        return runtime
