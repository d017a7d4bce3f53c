"""What the maps hold in the regions of a segmentation, as a table beside them."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
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

from qsmnet_bids.bidsio.nifti import open_image
from qsmnet_bids.bidsio.region_tables import write_regions
from qsmnet_bids.bidsio.segmentations import load_labels, read_names
from qsmnet_bids.regional.statistics import measure_regions, with_note

MAPS = ('chi', 'r2star')


class MeasureRegionsInputSpec(BaseInterfaceInputSpec):  # type: ignore[misc] # no types
    """Maps, a segmentation, and where the table goes."""

    segmentation = File(exists=True, mandatory=True, desc='labels, on any grid')
    table = File(exists=True, mandatory=True, desc='TSV with index and name of the regions')
    like = File(exists=True, mandatory=True, desc='an image of the run, for its affine')
    mask = File(exists=True, mandatory=True, nohash=True, desc='where chi is known')
    chi = File(exists=True, mandatory=True, nohash=True, desc='ppm')
    r2star = File(exists=True, nohash=True, desc='1/s')
    path = traits.Str(mandatory=True, desc='of the table in the output dataset')
    version = traits.Str('', usedefault=True, desc='of this package')


class MeasureRegionsOutputSpec(TraitedSpec):  # type: ignore[misc] # nipype has no types
    """What was written."""

    out_files = OutputMultiObject(File(exists=True))


@dataclass(frozen=True, eq=False)
class Placement:
    """Where a segmentation lies in the space of a run.

    Parameters
    ----------
    matrix
        From mm of the segmentation to mm of the run, 4 x 4.
    description
        For the table's dictionary; empty where there is nothing to say.
    warning
        For each row; empty for none.
    """

    matrix: np.ndarray
    description: dict[str, object] = field(default_factory=dict)
    warning: str = ''


class MeasureRegions(SimpleInterface):  # type: ignore[misc] # nipype has no types
    """Measure regions and write their table.

    Runs each time: what lies in the output folder is not known to the work folder.
    """

    input_spec = MeasureRegionsInputSpec
    output_spec = MeasureRegionsOutputSpec
    _always_run = True

    def _run_interface(self, runtime: Bunch) -> Bunch:
        inputs = self.inputs
        given = {name: getattr(inputs, name) for name in MAPS}
        labels, labels_affine = load_labels(Path(inputs.segmentation))
        place = self._place()
        measured = measure_regions(
            labels,
            read_names(Path(inputs.table)),
            labels_affine=place.matrix @ labels_affine,
            maps={name: np.load(file) for name, file in given.items() if isdefined(file)},
            mask=np.load(inputs.mask),
            affine=open_image(Path(inputs.like)).affine,
        )
        if place.warning:
            measured = with_note(measured, place.warning)
        sources = {'Segmentation': inputs.segmentation, 'Names': inputs.table}
        written = write_regions(
            Path(inputs.path), measured, sources=sources, placement=place.description
        )
        self._results['out_files'] = [str(path) for path in written]
        return runtime

    def _place(self) -> Placement:
        """Tell where the segmentation lies: scanner coordinates are the run's own."""
        return Placement(np.eye(4))
