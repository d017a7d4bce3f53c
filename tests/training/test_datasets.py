import numpy as np
import torch

from qsmnet_bids.physics.dipole import forward_field
from training.datasets import CHI_SD_PPM, GeometricWorlds, _add_object, batch

ONES, Z = (1.0, 1.0, 1.0), (0.0, 0.0, 1.0)
WORLDS = GeometricWorlds(size=32, n_objects=20)


def test_the_same_seed_and_step_give_the_same_samples():
    first, again = (batch(WORLDS, seed=3, step=5, size=2) for _ in range(2))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[1], batch(WORLDS, seed=3, step=6, size=2)[1])


def test_samples_do_not_depend_on_the_batch_that_they_come_in():
    small = batch(WORLDS, seed=3, step=1, size=1)[1][0]
    large = batch(WORLDS, seed=3, step=0, size=2)[1][1]
    assert torch.equal(small, large)


def test_susceptibility_has_the_thesis_s_spread():
    _, chi = WORLDS.sample(0, 0)
    assert chi.shape == (32, 32, 32)
    torch.testing.assert_close(chi[chi != 0].std(correction=0), torch.tensor(CHI_SD_PPM))


def test_the_field_is_that_of_the_susceptibility():
    field, chi = WORLDS.sample(0, 1)
    expected = forward_field(chi, voxel_size=ONES, b0_dir=Z, margin_mm=80.0)
    assert (field - expected).abs().max() < 0.02 * expected.abs().max()


def test_objects_have_their_volume_and_edges_of_one_voxel():
    """All four kinds appear, and each adds its own value and nothing beyond."""
    rng = np.random.default_rng(0)
    for _ in range(40):
        chi = np.zeros((64, 64, 64), dtype=np.float32)
        _add_object(chi, rng, 0.25)
        assert chi.min() >= 0
        assert chi.max() <= 0.25 + 1e-6


def test_a_sphere_has_a_sphere_s_volume():
    volumes = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        if rng.integers(4) != 0:
            continue
        radius = rng.uniform(0.1, 15)
        chi = np.zeros((80, 80, 80), dtype=np.float32)
        _add_object(chi, np.random.default_rng(seed), 1.0)
        cut = chi[0].any() or chi[-1].any() or chi[:, 0].any() or chi[:, -1].any()
        if radius > 4 and not (cut or chi[..., 0].any() or chi[..., -1].any()):
            volumes.append(chi.sum() / (4 / 3 * np.pi * radius**3))
    assert len(volumes) > 5
    np.testing.assert_allclose(volumes, 1, rtol=0.02)
