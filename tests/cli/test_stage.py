"""The stage command gives what the stage function gives, and says what is wrong with the files."""

import dataclasses
import json

import nibabel as nib
import numpy as np
import pytest
import torch

from qsmnet_bids import background, fieldmap, inversion
from qsmnet_bids.cli.stage import STEPS, main
from qsmnet_bids.physics.dipole import forward_field
from qsmnet_bids.tensors import LocalField, MultiEcho, TotalField
from qsmnet_bids.uncertainty import ensemble

AFFINE = np.array([[-1.2, 0, 0, 9], [0, 1.1, 0.1, -3], [0, -0.1, 1.4, 5], [0, 0, 0, 1]])
VOXEL_SIZE = (1.2, 1.1, 1.4)
B0_DIR = (0.0, 0.28, 0.96)
ECHO_TIMES = (0.004, 0.009, 0.015)
B0 = 3.0


def save(folder, name, array, extension='.nii.gz'):
    nib.Nifti1Image(array, AFFINE).to_filename(folder / f'{name}{extension}')


def load(path):
    return torch.from_numpy(nib.load(path).get_fdata(dtype=np.float32))


@pytest.fixture
def case(tmp_path):
    """A ball of 0.3 ppm in a bigger one, seen at three echoes, with phase that wraps."""
    shape = (28, 26, 24)
    axes = torch.meshgrid(
        *((torch.arange(n) - n // 2) * size for n, size in zip(shape, VOXEL_SIZE, strict=True)),
        indexing='ij',
    )
    radius = sum(axis**2 for axis in axes).sqrt()
    mask = radius < 12
    chi = 0.3 * (radius < 4).float()
    local = forward_field(chi, voxel_size=VOXEL_SIZE, b0_dir=B0_DIR)
    total = local + 0.01 * axes[2] + 0.2
    rate = 2 * np.pi * 42.576 * B0 * total
    phase = torch.stack([torch.remainder(rate * t + np.pi, 2 * np.pi) - np.pi for t in ECHO_TIMES])
    magnitude = torch.stack([(100 * mask + 1) * np.exp(-20 * t) for t in ECHO_TIMES])
    folder = tmp_path / 'case'
    folder.mkdir()
    save(folder, 'phase', phase.movedim(0, 3).numpy().astype(np.float32))
    save(folder, 'magnitude', magnitude.movedim(0, 3).numpy().astype(np.float32), '.nii')
    save(folder, 'mask', mask.numpy().astype(np.uint8))
    save(folder, 'totalfield', total.numpy().astype(np.float32))
    save(folder, 'localfield', local.numpy().astype(np.float32))
    params = {'TE': ECHO_TIMES, 'B0': B0, 'B0_dir': B0_DIR, 'voxel_size': VOXEL_SIZE}
    (folder / 'params.json').write_text(json.dumps(params))
    return folder


def echoes_of(case):
    phase, magnitude = load(case / 'phase.nii.gz'), load(case / 'magnitude.nii')
    return MultiEcho(
        magnitude.movedim(3, 0), phase.movedim(3, 0), ECHO_TIMES, B0, B0_DIR, VOXEL_SIZE
    )


def field_of(case, name, kind):
    mask = load(case / 'mask.nii.gz') > 0
    return kind(load(case / f'{name}.nii.gz') * mask, mask.float(), mask, VOXEL_SIZE, B0_DIR)


def run(case, stage, method, *words):
    out = case.parent / 'out'
    arguments = [stage, '--method', method, '--input', str(case), '--output', str(out)]
    assert main([*arguments, '--device', 'cpu', *words]) == 0
    return out


def test_field_mapping(case):
    out = run(case, 'field-mapping', 'weighted_mean', '--set', 'offset_removal=false')
    mask = load(case / 'mask.nii.gz') > 0
    expected = fieldmap.METHODS['weighted_mean'](echoes_of(case), mask=mask, offset_removal=False)
    found = load(out / 'totalfield.nii.gz')
    assert torch.equal(found, expected.field)
    truth = load(case / 'totalfield.nii.gz')
    assert torch.allclose((found - truth)[mask], (found - truth)[mask].mean(), atol=1e-3)


def test_background_removal(case):
    out = run(case, 'bfr', 'vsharp', '--set', 'max_radius=5')
    expected = background.METHODS['vsharp'](
        field_of(case, 'totalfield', TotalField), max_radius=5.0
    )
    assert torch.equal(load(out / 'localfield.nii.gz'), expected.field)
    assert torch.equal(load(out / 'mask.nii.gz') > 0, expected.mask)


def test_a_method_that_needs_the_magnitude_gets_it_or_says_so(case, capsys):
    options = {'max_iterations': 2, 'cg_iterations': 2}
    words = [word for key, value in options.items() for word in ('--set', f'{key}={value}')]
    out = run(case, 'dipole', 'medi', *words)
    local, magnitude = field_of(case, 'localfield', LocalField), echoes_of(case).magnitude
    local = dataclasses.replace(local, magnitude=magnitude.square().sum(0).sqrt())
    assert torch.equal(
        load(out / 'chimap.nii.gz'), inversion.METHODS['medi'](local, **options).chi
    )

    (case / 'magnitude.nii').unlink()
    assert main(['dipole', '--method', 'medi', '--input', str(case), '--output', str(out)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert 'magnitude.nii: file: is missing' in line


@pytest.mark.parametrize('method', ['tikhonov', 'tkd'])
def test_dipole(case, method):
    out = run(case, 'dipole', method)
    expected = inversion.METHODS[method](field_of(case, 'localfield', LocalField))
    assert torch.equal(load(out / 'chimap.nii.gz'), expected.chi)
    assert np.array_equal(nib.load(out / 'chimap.nii.gz').affine, AFFINE.astype(np.float32))


def test_span_equals_its_parts_in_turn(case):
    """The output of one stage is the input of the next."""
    first = run(case, 'bfr', 'vsharp', '--set', 'max_radius=5')
    alone = case.parent / 'alone'
    line = f'dipole --method tkd --input {first} --output {alone} --set threshold=0.1'
    assert main([*line.split(), '--device', 'cpu']) == 0
    span = run(
        case, 'bfr+dipole', 'vsharp+tkd', '--set', 'vsharp.max_radius=5', '--set', 'threshold=0.1'
    )
    assert torch.equal(load(span / 'chimap.nii.gz'), load(alone / 'chimap.nii.gz'))


def test_end_to_end_finds_the_ball(case):
    words = ['--set', 'vsharp.max_radius=5', '--set', 'tkd.threshold=0.1']
    out = run(case, 'end-to-end', 'weighted_mean+vsharp+tkd', *words)
    chi = load(out / 'chimap.nii.gz')
    centre = chi[12:17, 11:16, 11:14].mean()
    rim = chi[(load(case / 'localfield.nii.gz').abs() < 1e-3) & (chi != 0)].mean()
    assert 0.15 < float(centre - rim) < 0.4


def test_uncertainty_lies_beside_the_map(case):
    words = ['--set', 'vsharp.max_radius=5', '--set', 'tkd.threshold=0.1']
    plain = load(run(case, 'end-to-end', 'weighted_mean+vsharp+tkd', *words) / 'chimap.nii.gz')
    words += ['--uncertainty', '--set', 'uncertainty.n_members=2']
    out = run(case, 'end-to-end', 'weighted_mean+vsharp+tkd', *words)
    mask = load(case / 'mask.nii.gz') > 0
    total = fieldmap.METHODS['weighted_mean'](echoes_of(case), mask=mask)
    local = background.METHODS['vsharp'](total, max_radius=5.0)
    expected = ensemble(
        dataclasses.replace(local, removed=None),
        method=lambda copy: inversion.METHODS['tkd'](copy, threshold=0.1).chi,
        n_members=2,
    )
    assert torch.equal(load(out / 'uncertainty.nii.gz'), expected.deviation)
    assert torch.equal(load(out / 'chimap.nii.gz'), plain)


def test_list_names_every_stage(capsys):
    with pytest.raises(SystemExit) as end:
        main(['--list'])
    assert end.value.code == 0
    shown = capsys.readouterr().out
    assert all(f'{stage} ' in shown for stage in STEPS)
    assert 'tikhonov|tkd' in shown


@pytest.mark.parametrize(
    ('line', 'said'),
    [
        ('bfr --method tkd', "--method 'tkd': bfr expects (lbv|"),
        ('bfr+dipole --method tkd', ')+(dipolenet|'),
        ('dipole --method tkd --set threshold', 'expected METHOD.PARAMETER=VALUE'),
        ('dipole --method tkd --set thresh=1', 'tkd has: threshold, correction'),
        ('dipole --method tkd --set threshold=low', 'expected a number'),
        ('dipole --method tkd --set tikhonov.alpha=1', 'no stage uses this method'),
        ('dipole --method tkd --device cuda:99', 'torch finds'),
        ('dipole --method onestepnet', 'starts from the total field'),
        ('dipole --method tkd --uncertainty', 'does not know the noise of its field'),
        ('bfr+dipole --method vsharp+tkd --uncertainty', 'expected end-to-end'),
        ('bfr --method vsharp --uncertainty', 'bfr makes no map'),
        ('dipole --method tkd --set uncertainty.seed=1', 'no stage uses this method'),
        ('dipoles --method tkd', 'invalid choice'),
        ('dipole', '--method'),
    ],
)
def test_wrong_arguments_end_with_2(case, capsys, line, said):
    out = case.parent / 'out'
    assert main([*line.split(), '--input', str(case), '--output', str(out)]) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()


def edit(case, **changes):
    params = json.loads((case / 'params.json').read_text()) | changes
    (case / 'params.json').write_text(
        json.dumps({key: value for key, value in params.items() if value is not None})
    )


def remove(case, name):
    (case / name).unlink()


BREAKAGES = {
    'no mask': (lambda case: remove(case, 'mask.nii.gz'), 'mask.nii: file: is missing'),
    'no phase': (lambda case: remove(case, 'phase.nii.gz'), 'phase.nii: file: is missing'),
    'no params': (lambda case: remove(case, 'params.json'), 'params.json: file: is missing'),
    'not JSON': (lambda case: (case / 'params.json').write_text('{'), 'expected JSON'),
    'no TE': (lambda case: edit(case, TE=None), 'TE: is missing'),
    'two TE': (lambda case: edit(case, TE=[0.01, 0.02]), 'expected 3 numbers'),
    'ms': (lambda case: edit(case, TE=[4, 9, 15]), 'milliseconds?'),
    'order': (lambda case: edit(case, TE=[0.004, 0.004, 0.01]), 'expected increasing seconds'),
    'no B0': (lambda case: edit(case, B0=None), 'B0: is missing'),
    'B0_dir': (lambda case: edit(case, B0_dir=[0, 0, 3]), 'expected a unit vector'),
    'voxel_size': (lambda case: edit(case, voxel_size=[1, 1, 0]), 'expected millimetres above 0'),
    'shapes': (
        lambda case: save(case, 'phase', np.zeros((28, 26, 24, 2), np.float32)),
        'both must have the same shape',
    ),
    'nan': (
        lambda case: save(case, 'phase', np.full((28, 26, 24, 3), np.nan, np.float32)),
        'voxels are not finite',
    ),
    'truncated': (
        lambda case: (case / 'phase.nii.gz').write_bytes(
            (case / 'phase.nii.gz').read_bytes()[:4000]
        ),
        'phase.nii.gz: data:',
    ),
}


@pytest.mark.parametrize('name', BREAKAGES)
def test_wrong_files_end_with_1_and_are_named(case, capsys, name):
    breakage, said = BREAKAGES[name]
    breakage(case)
    line = f'end-to-end --method weighted_mean+vsharp+tkd --input {case} --output {case.parent}/o'
    assert main(line.split()) == 1
    assert said in capsys.readouterr().err


def test_value_out_of_range_ends_with_1(case, capsys):
    line = f'dipole --method tkd --set threshold=5 --input {case} --output {case.parent}/o'
    assert main(line.split()) == 1
    assert 'threshold must be in (0, 2/3)' in capsys.readouterr().err
