import pytest

from qsmnet_bids import (
    background,
    fieldmap,
    inversion,
    masking,
    orientations,
    settings,
    unwrapping,
)
from qsmnet_bids.referencing import REGIONS


@pytest.mark.parametrize(
    ('names', 'registry'),
    [
        (settings.MASKINGS, masking.METHODS),
        (settings.UNWRAPPINGS, unwrapping.METHODS),
        (settings.FIELDMAPS, fieldmap.METHODS),
        (settings.BACKGROUNDS, background.METHODS),
        (settings.INVERSIONS, inversion.METHODS),
        (settings.JOINT_INVERSIONS, orientations.METHODS),
        (settings.REFERENCES, REGIONS),
    ],
    ids=['masking', 'unwrapping', 'fieldmap', 'background', 'inversion', 'joint', 'reference'],
)
def test_the_settings_offer_just_the_methods_there_are(names, registry):
    assert set(names) == set(registry)
    assert len(names) == len(registry)
