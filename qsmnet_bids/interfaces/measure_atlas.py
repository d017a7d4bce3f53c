"""What the maps hold in the regions of an atlas, for runs without a segmentation of their own."""

import numpy as np
from nipype.interfaces.base import File

from qsmnet_bids.bidsio.nifti import open_image
from qsmnet_bids.interfaces import lazy
from qsmnet_bids.interfaces.measure_regions import (
    MeasureRegions,
    MeasureRegionsInputSpec,
    Placement,
)

ENOUGH = 0.85
"""Share of the brain inside the template's below which the atlas cannot lie right."""


class MeasureAtlasInputSpec(MeasureRegionsInputSpec):
    """Maps, an atlas in MNI152 space, and where the table goes."""

    magnitude = File(exists=True, mandatory=True, nohash=True, desc='of all echoes')


class MeasureAtlas(MeasureRegions):
    """Align the brain with the template, then measure regions and write their table."""

    input_spec = MeasureAtlasInputSpec

    def _place(self) -> Placement:
        numerics, inputs = lazy.atlas, self.inputs
        template = numerics.load_template()
        found = numerics.align(
            np.load(inputs.magnitude),
            mask=np.load(inputs.mask),
            affine=open_image(inputs.like).affine,
            template=template.volume,
            template_mask=template.mask,
            template_affine=template.affine,
        )
        percent = 100 * found.share_inside
        warning = (
            f'the atlas does not fit: {percent:.0f} % of the brain lie inside that of the template'
        )
        return Placement(
            np.linalg.inv(found.matrix),
            {
                'Template': 'MNI152 (ICBM 2009a nonlinear symmetric)',
                'Method': 'affine, by mutual information of magnitude and T1-weighted template',
                'RunToTemplate': found.matrix.tolist(),
                'ShareOfBrainInTemplate': found.share_inside,
            },
            warning if found.share_inside < ENOUGH else '',
        )
