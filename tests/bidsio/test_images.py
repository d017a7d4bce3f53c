"""Images to tensors and back."""

import gzip
import math

import nibabel as nib
import numpy as np
import pytest
import torch

from qsmnet_bids.bidsio.images import load_mask, load_multi_echo, load_volume, save_volume
from qsmnet_bids.bidsio.preflight import check
from qsmnet_bids.bidsio.query import find_runs
from qsmnet_bids.physics.units import phase_scaling

SHAPE = (16, 17, 18)


def write(path, array):
    nib.Nifti1Image(array, np.eye(4)).to_filename(path)
    return path


def load(acquisition):
    return load_multi_echo(
        acquisition.magnitude,
        acquisition.phase,
        echo_times=acquisition.echo_times,
        b0=acquisition.b0,
        b0_dir=acquisition.b0_dir,
        voxel_size=acquisition.voxel_size,
        phase_slope=acquisition.phase_slope,
        phase_intercept=acquisition.phase_intercept,
        phase_sign=acquisition.phase_sign,
    )


def test_an_acquisition_arrives_as_it_is_on_the_disk(dataset):
    dataset.add_run('sub-01')
    (acquisition,) = check(find_runs(dataset.root), bids_dir=dataset.root).acquisitions
    echoes = load(acquisition)
    assert echoes.magnitude.shape == echoes.phase.shape == (3, *SHAPE)
    assert echoes.magnitude.dtype == echoes.phase.dtype == torch.float32
    for index in range(3):
        for tensor, files in (
            (echoes.magnitude, acquisition.magnitude),
            (echoes.phase, acquisition.phase),
        ):
            array = np.asarray(nib.load(files[index]).dataobj)
            assert np.array_equal(tensor[index].numpy(), array)
    assert echoes.echo_times == (0.004, 0.012, 0.02)
    assert (echoes.b0, echoes.b0_dir) == (acquisition.b0, acquisition.b0_dir)
    assert echoes.voxel_size == acquisition.voxel_size


@pytest.mark.parametrize('sign', [1, -1])
@pytest.mark.parametrize(
    ('convention', 'stored', 'rad'),
    [
        ('unsigned integer', (0, 2048, 4095), (-math.pi, 0, math.pi * 2047 / 2048)),
        ('signed integer', (-4096, 0, 2048), (-math.pi, 0, math.pi / 2)),
        ('milliradian', (-3141, 0, 1000), (-3.141, 0, 1)),
        ('radian', (-3, 0, 3), (-3, 0, 3)),
    ],
)
def test_stored_phase_becomes_rad(tmp_path, convention, stored, rad, sign):
    array = np.resize(np.array(stored, np.int16), (3, 4, 5))
    path = write(tmp_path / 'phase.nii.gz', array)
    slope, intercept = phase_scaling(convention)
    echoes = load_multi_echo(
        [path],
        [path],
        echo_times=[0.01],
        b0=3.0,
        b0_dir=(0.0, 0.0, 1.0),
        voxel_size=(1.0, 1.0, 1.0),
        phase_slope=slope,
        phase_intercept=intercept,
        phase_sign=sign,
    )
    assert echoes.phase.flatten()[:3].tolist() == pytest.approx([sign * x for x in rad], abs=1e-5)


def test_slope_and_intercept_of_the_file(tmp_path):
    array = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    data = bytearray(nib.Nifti1Image(array, np.eye(4)).to_bytes())
    data[112:120] = np.array([2, -4096], np.float32).tobytes()
    path = tmp_path / 'scaled.nii.gz'
    path.write_bytes(gzip.compress(bytes(data)))
    assert torch.equal(load_volume(path), torch.from_numpy(array * 2.0 - 4096).float())


def test_round_trip_of_a_volume_and_a_mask(tmp_path, generator):
    model = write(tmp_path / 'model.nii.gz', np.zeros((3, 4, 5), np.int16))
    volume = torch.randn(3, 4, 5, generator=generator)
    save_volume(volume, tmp_path / 'volume.nii', like=model)
    save_volume(volume > 0, tmp_path / 'mask.nii.gz', like=model)
    assert torch.equal(load_volume(tmp_path / 'volume.nii'), volume)
    assert torch.equal(load_mask(tmp_path / 'mask.nii.gz'), volume > 0)
    assert nib.load(tmp_path / 'mask.nii.gz').get_data_dtype() == np.uint8


def test_transposed_tensor_keeps_its_axes(tmp_path, generator):
    model = write(tmp_path / 'model.nii.gz', np.zeros((3, 4, 5), np.int16))
    volume = torch.randn(5, 4, 3, generator=generator).permute(2, 1, 0)
    save_volume(volume, tmp_path / 'volume.nii', like=model)
    assert torch.equal(load_volume(tmp_path / 'volume.nii'), volume)


def test_fourth_axis_of_length_one_is_dropped(tmp_path):
    path = write(tmp_path / 'x.nii', np.ones((3, 4, 5, 1), np.float32))
    assert load_volume(path).shape == (3, 4, 5)


def test_several_volumes_are_refused(tmp_path):
    path = write(tmp_path / 'x.nii', np.ones((3, 4, 5, 2), np.float32))
    with pytest.raises(ValueError, match=r'must be a 3D image, got shape \(3, 4, 5, 2\)'):
        load_volume(path)


def test_arguments_are_checked(dataset):
    dataset.add_run('sub-01')
    images = [dataset.image('sub-01', 1, 'mag')]
    options = {
        'b0': 3.0, 'b0_dir': (0.0, 0.0, 1.0), 'voxel_size': (1.0, 1.0, 1.0), 'phase_slope': 1.0,
        'phase_intercept': 0.0,
    }  # fmt: skip
    with pytest.raises(ValueError, match='phase_sign must be 1 or -1, got 2'):
        load_multi_echo(images, images, echo_times=[0.01], phase_sign=2, **options)
    with pytest.raises(ValueError, match='must be as many, got 1, 1 and 2'):
        load_multi_echo(images, images, echo_times=[0.01, 0.02], phase_sign=1, **options)
