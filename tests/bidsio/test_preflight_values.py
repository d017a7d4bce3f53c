"""Problems of echo times, field strength and phase: one test for each."""

import gzip
import math

import nibabel as nib
import numpy as np
import pytest

from qsmnet_bids.errors import SettingsError
from tests.bidsio.preflighted import only_problem, preflight, read


def test_echo_time_missing(dataset):
    dataset.add_run('sub-01')
    dataset.edit_sidecars('sub-01', ('mag',), (2,), remove=('EchoTime',))
    problem = only_problem(dataset)
    assert (problem.file, problem.field) == (str(dataset.image('sub-01', 2, 'mag')), 'EchoTime')
    assert problem.found == 'missing'
    assert 'in seconds' in problem.remedy


def test_echo_times_in_milliseconds(dataset):
    dataset.add_run('sub-01', echo_times=(4.0, 12.0, 20.0))
    problems = preflight(dataset).problems
    assert len(problems) == 6
    assert problems[0].found == '4.0 s; milliseconds?'
    assert problems[0].remedy == 'give seconds: 0.004?'


@pytest.mark.parametrize('value', [0, -0.004, '0.004', True, [0.004]])
def test_echo_time_that_is_no_time(dataset, value):
    dataset.add_run('sub-01')
    dataset.edit_sidecars('sub-01', ('mag',), (1,), EchoTime=value)
    problem = only_problem(dataset)
    assert (problem.field, problem.found) == ('EchoTime', repr(value))
    assert 'positive' in problem.remedy


@pytest.mark.parametrize(
    ('times', 'found'),
    [
        ((0.004, 0.012, 0.012), '0.012 s, the same as that of the echo before (0.012 s)'),
        ((0.004, 0.02, 0.012), '0.012 s, shorter than that of the echo before (0.02 s)'),
    ],
)
def test_echo_times_that_do_not_increase(dataset, times, found):
    dataset.add_run('sub-01', echo_times=times)
    problem = only_problem(dataset)
    assert (problem.file, problem.field) == (str(dataset.image('sub-01', 3, 'mag')), 'EchoTime')
    assert problem.found == found


def test_echo_time_that_differs_between_magnitude_and_phase(dataset):
    dataset.add_run('sub-01')
    dataset.edit_sidecars('sub-01', ('phase',), (2,), EchoTime=0.013)
    problem = only_problem(dataset)
    assert (problem.file, problem.field) == (str(dataset.image('sub-01', 2, 'phase')), 'EchoTime')
    assert problem.found.startswith('0.013 s, but 0.012 s in')


def test_field_strength_missing_and_the_way_out(dataset):
    dataset.add_run('sub-01')
    dataset.edit_sidecars('sub-01', remove=('MagneticFieldStrength',))
    problem = only_problem(dataset)
    assert (problem.field, problem.found) == ('MagneticFieldStrength', 'missing')
    assert '--field-strength' in problem.remedy
    (acquisition,) = preflight(dataset, field_strength=1.5).acquisitions
    assert (acquisition.b0, acquisition.warnings) == (1.5, ())


@pytest.mark.parametrize(
    ('value', 'found'),
    [
        (30000, '30000 T; gauss or millitesla?'),
        (0.003, '0.003'),
        (-3, '-3'),
        ('3T', "'3T'"),
    ],
)
def test_field_strength_that_is_absurd(dataset, value, found):
    dataset.add_run('sub-01', MagneticFieldStrength=value)
    problem = only_problem(dataset)
    assert (problem.field, problem.found) == ('MagneticFieldStrength', found)
    assert '--field-strength' in problem.remedy


def test_field_strength_that_differs_among_echoes(dataset):
    dataset.add_run('sub-01')
    dataset.edit_sidecars('sub-01', ('mag',), (2,), MagneticFieldStrength=7)
    assert only_problem(dataset).found == 'differs among the echoes: 3, 7'


def test_given_field_strength_wins_with_a_warning(dataset):
    dataset.add_run('sub-01')
    (acquisition,) = preflight(dataset, field_strength=2.89).acquisitions
    assert acquisition.b0 == 2.89
    assert acquisition.warnings == ('--field-strength 2.89 T replaces 3 of the sidecar',)
    assert preflight(dataset, field_strength=3.0).acquisitions[0].warnings == ()


def test_given_field_strength_must_be_tesla(dataset):
    dataset.add_run('sub-01')
    with pytest.raises(SettingsError, match=r'give tesla, 0.1 to 21'):
        preflight(dataset, field_strength=30000.0)


def write_phase(dataset, change, **fields):
    for echo in (1, 2, 3):
        path = dataset.image('sub-01', echo, 'phase')
        array, affine = read(path)
        dataset.write_image(path, change(array), affine)
    dataset.edit_sidecars('sub-01', ('phase',), **fields)


def as_integers(array, low, high):
    scaled = low + (array + np.pi) / (2 * np.pi) * (high - low)
    return np.clip(np.rint(scaled), low, high).astype(np.int16)


@pytest.mark.parametrize(
    ('change', 'convention', 'slope', 'intercept'),
    [
        (lambda a: as_integers(a, 0, 4095), 'unsigned integer', math.pi / 2048, -math.pi),
        (lambda a: as_integers(a, -4096, 4095), 'signed integer', math.pi / 4096, 0),
        (lambda a: (a * 1000).astype(np.float32), 'milliradian', 0.001, 0),
        (lambda a: a, 'radian', 1, 0),
    ],
)
def test_phase_conventions(dataset, change, convention, slope, intercept):
    dataset.add_run('sub-01')
    write_phase(dataset, change, Units='arbitrary')
    (acquisition,) = preflight(dataset).acquisitions
    assert acquisition.phase_convention == convention
    assert acquisition.phase_slope == pytest.approx(slope)
    assert acquisition.phase_intercept == pytest.approx(intercept)


def test_phase_convention_is_judged_after_the_files_own_scaling(dataset):
    dataset.add_run('sub-01')
    for echo in (1, 2, 3):
        path = dataset.image('sub-01', echo, 'phase')
        array, affine = read(path)
        image = nib.Nifti1Image(as_integers(array, 0, 4095), affine)
        image.header.set_slope_inter(2, -4096)
        # to_filename would choose a scaling anew, so the header is set in the bytes
        header = bytearray(image.to_bytes())
        header[112:120] = np.array([2, -4096], np.float32).tobytes()
        path.write_bytes(gzip.compress(bytes(header)))
    dataset.edit_sidecars('sub-01', ('phase',), Units='arbitrary')
    assert preflight(dataset).acquisitions[0].phase_convention == 'signed integer'


@pytest.mark.parametrize(
    ('change', 'units', 'field', 'found'),
    [
        (lambda a: a * 30, 'arbitrary', 'phase range', 'values from -94.'),
        (lambda a: a + np.float32(np.pi), 'arbitrary', 'phase range', 'values from 0.0'),
        (lambda a: a / 6, 'arbitrary', 'phase range', 'values from -0.52'),
        (lambda a: as_integers(a, 0, 4095), 'rad', 'Units', 'rad, but values from 0 to 4095'),
        (np.rint, 'rad', 'phase range', 'values from -3 to 3, all whole numbers'),
    ],
)
def test_phase_range_that_fits_no_convention(dataset, change, units, field, found):
    dataset.add_run('sub-01')
    write_phase(dataset, change, Units=units)
    problem = only_problem(dataset)
    assert (problem.file, problem.field) == (str(dataset.image('sub-01', 1, 'phase')), field)
    assert problem.found.startswith(found)
    assert 'rescale to [-pi, pi]' in problem.remedy


@pytest.mark.parametrize(
    ('manufacturer', 'sign'),
    [
        ('GE', -1),
        ('GE MEDICAL SYSTEMS', -1),
        ('General Electric', -1),
        ('Siemens Healthineers', 1),
        ('Philips', 1),
        ('Magerit', 1),
    ],
)
def test_phase_sign_by_manufacturer(dataset, manufacturer, sign):
    dataset.add_run('sub-01', Manufacturer=manufacturer)
    (acquisition,) = preflight(dataset).acquisitions
    assert acquisition.phase_sign == sign
    assert any('GE' in warning for warning in acquisition.warnings) == (sign == -1)
    (chosen,) = preflight(dataset, phase_sign=1).acquisitions
    assert (chosen.phase_sign, chosen.warnings) == (1, ())
