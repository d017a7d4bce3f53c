import pytest
import torch

from qsmnet_bids.solvers import splitting
from qsmnet_bids.solvers.fixed_point import repeat
from qsmnet_bids.solvers.splitting import GradientSplit, VariationStep

SIZE = (0.8, 1.0, 2.5)


def differences(volume):
    return [(volume.roll(-1, axis) - volume) / size for axis, size in enumerate(SIZE)]


@pytest.mark.parametrize('voxels_at_once', [30, 90, 10**6])
def test_a_split_is_soft_thresholding_whatever_the_slabs(generator, monkeypatch, voxels_at_once):
    monkeypatch.setattr(splitting, 'SLAB', voxels_at_once)
    volume = torch.randn(7, 6, 5, generator=generator, dtype=torch.float64)
    split = GradientSplit(volume, SIZE, 0.3)
    multipliers = [torch.zeros_like(volume)] * 3
    for _ in range(2):
        found = split(volume)
        wanted = [g + u for g, u in zip(differences(volume), multipliers, strict=True)]
        shrunk = [w.sign() * (w.abs() - 0.3).clamp(min=0) for w in wanted]
        multipliers = [w - z for w, z in zip(wanted, shrunk, strict=True)]
    expected = torch.zeros_like(volume)
    for axis, size in enumerate(SIZE):
        flow = (shrunk[axis] - multipliers[axis]) / size
        expected += flow - flow.roll(1, axis)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(split.multipliers, torch.stack(multipliers))


def test_no_threshold_gives_the_laplacian(generator):
    volume = torch.randn(6, 6, 6, generator=generator, dtype=torch.float64)
    found = GradientSplit(volume, SIZE, 0.0)(volume)
    energy = sum(float(d.square().sum()) for d in differences(volume))
    assert float((volume * found).sum()) == pytest.approx(-energy, rel=1e-10)


@pytest.mark.parametrize('split_off', [False, True])
def test_denoising_lowers_each_plateau_by_its_edges(split_off):
    # two plateaus of 8 voxels on a ring: each moves by alpha for each of its two edges
    field = torch.cat((torch.ones(8), -torch.ones(8))).double()[:, None, None].expand(16, 2, 2)
    kernel = torch.ones(16, 2, 2, dtype=torch.float64)
    step = VariationStep(
        field.clone(),
        kernel,
        (1.0, 1.0, 1.0),
        alpha=0.8,
        rho=0.5,
        prox=(lambda wanted: (wanted + field) / 2) if split_off else None,
    )
    chi = repeat(step, step.start(), max_iterations=3000, tolerance=1e-12).value
    torch.testing.assert_close(chi, field * (1 - 2 * 0.8 / 8), rtol=1e-6, atol=1e-6)
