import nibabel as nib
import numpy as np
import pytest

from qsmnet_bids.bidsio.nifti import open_image
from qsmnet_bids.bidsio.region_tables import read_regions
from qsmnet_bids.interfaces.measure_regions import MeasureRegions
from qsmnet_bids.regional.statistics import measure_regions


@pytest.fixture
def inputs(tmp_path, acquisition, rng):
    """Maps on the run's grid, and a segmentation in scanner coordinates of its own."""
    affine = open_image(acquisition.magnitude[0]).affine
    mask = rng.random(acquisition.shape) > 0.3
    arrays = {'chi': rng.normal(size=acquisition.shape), 'mask': mask}
    arrays['r2star'] = rng.normal(20, 3, acquisition.shape)
    for name, array in arrays.items():
        np.save(tmp_path / f'{name}.npy', array)
    labels = rng.integers(0, 4, acquisition.shape).astype(np.int32)[::-1]
    turned = affine @ np.diag([-1, 1, 1, 1])
    turned[:3, 3] = affine[:3, 3] + (acquisition.shape[0] - 1) * affine[:3, 0]
    nib.Nifti1Image(labels, turned).to_filename(tmp_path / 'dseg.nii.gz')
    (tmp_path / 'dseg.tsv').write_text('index\tname\n1\tone\n2\ttwo\n8\tabsent\n')
    expected = measure_regions(
        labels,
        {1: 'one', 2: 'two', 8: 'absent'},
        labels_affine=turned,
        maps={name: arrays[name] for name in ('chi', 'r2star')},
        mask=mask,
        affine=affine,
    )
    files = {name: str(tmp_path / f'{name}.npy') for name in arrays}
    return expected, {
        'segmentation': str(tmp_path / 'dseg.nii.gz'),
        'table': str(tmp_path / 'dseg.tsv'),
        'like': str(acquisition.magnitude[0]),
        'path': str(tmp_path / 'out' / 'sub-01_seg-aseg_desc-tkd_stats.tsv'),
        **files,
    }


def test_node_writes_what_the_function_gives(inputs, tmp_path):
    expected, values = inputs
    (tmp_path / 'node').mkdir()
    result = MeasureRegions(**values).run(cwd=tmp_path / 'node')
    rows = list(read_regions(tmp_path / 'out' / 'sub-01_seg-aseg_desc-tkd_stats.tsv'))
    assert [row['name'] for row in rows] == ['one', 'two']
    for row, region in zip(rows, expected.regions, strict=True):
        assert int(row['n_voxels']) == region.n_voxels
        for name, summary in region.maps.items():
            assert float(row[f'{name}_median']) == pytest.approx(summary.median, rel=1e-5)
    assert len(result.outputs.out_files) == 2


def test_run_without_decay_has_susceptibility_alone(inputs, tmp_path):
    _, values = inputs
    del values['r2star']
    (tmp_path / 'node').mkdir()
    MeasureRegions(**values).run(cwd=tmp_path / 'node')
    (first, *_) = read_regions(tmp_path / 'out' / 'sub-01_seg-aseg_desc-tkd_stats.tsv')
    assert 'r2star_median' not in first
    assert first['chi_median']
