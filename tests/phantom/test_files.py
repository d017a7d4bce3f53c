import math

import nibabel as nib
import numpy as np
import pytest

from qsmnet_bids.phantom.files import encode_phase, write_image
from qsmnet_bids.physics.units import phase_convention, phase_scaling


@pytest.mark.parametrize(
    ('phase_format', 'convention', 'step'),
    [('radian', 'radian', 1e-6), ('integer', 'unsigned integer', 2 * math.pi / 4096),
     ('signed', 'signed integer', math.pi / 4096)],
)  # fmt: skip
def test_stored_phase_is_recognised_and_comes_back(phase_format, convention, step):
    phase = np.linspace(-math.pi, math.pi, 20_001)
    stored = encode_phase(phase, phase_format)
    is_integer = np.issubdtype(stored.dtype, np.integer)
    found = phase_convention(float(stored.min()), float(stored.max()), is_integer=is_integer)
    assert found == convention
    slope, intercept = phase_scaling(found)
    error = np.angle(np.exp(1j * (slope * stored.astype(float) + intercept - phase)))
    assert np.abs(error).max() <= step / 2 + 1e-6


def test_image_has_no_time_stamp_and_no_name_and_keeps_its_affine(tmp_path):
    affine = np.array([[0.8, 0, 0, -9], [0, 0.6, -1.6, 3], [0, 0.8, 1.2, 5], [0, 0, 0, 1.0]])
    values = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    first, second = tmp_path / 'a' / 'x.nii.gz', tmp_path / 'b' / 'y.nii.gz'
    for path in (first, second):
        write_image(path, values, affine)
    raw = first.read_bytes()
    assert raw == second.read_bytes()
    assert raw[3] & 0x08 == 0
    assert raw[4:8] == bytes(4)
    image = nib.Nifti1Image.from_filename(first)
    np.testing.assert_array_equal(np.asarray(image.dataobj), values)
    np.testing.assert_allclose(image.affine, affine, atol=1e-6)
    np.testing.assert_allclose(image.get_qform(), affine, atol=1e-5)
