import hashlib
import importlib.util

import numpy as np
import pytest
import torch

from training.worlds.brains import brains
from training.worlds.dice import Dice
from training.worlds.matter import Grid
from training.worlds.tissue import FILE, load_tissue

CPU = torch.device('cpu')


def test_the_maps_are_a_brain_s():
    tissue = load_tissue(CPU)
    grey, white, distance = tissue.maps
    assert grey.min() >= 0
    assert max(grey.max(), white.max()) == 1
    litres = (distance < 0).sum().item() * tissue.spacing**3 / 1e6
    assert 1.5 < litres < 2.1
    assert distance[white > 0.5].max() < 0
    assert distance[white > 0.8].mean() < distance[grey > 0.8].mean()
    # the distance is one: its gradient has length 1, but for the ridges inside
    slopes = torch.gradient(distance, spacing=tissue.spacing)
    length = torch.stack(slopes).square().sum(0).sqrt()
    assert length[(distance > 4) & (distance < 15)].median().item() == pytest.approx(1, abs=0.03)


def test_without_displacement_the_maps_come_back():
    tissue = load_tissue(CPU)
    shape = (9, 8, 7)
    first = np.array([40, 50, 60])
    sampled = tissue.sample(
        torch.zeros(1, 3, *shape),
        np.eye(3)[None] * tissue.spacing,
        (np.array(tissue.origin) + first * tissue.spacing)[None],
    )
    box = [slice(start, start + n) for start, n in zip(first, shape, strict=True)]
    torch.testing.assert_close(sampled[0], tissue.maps[:, *box], atol=1e-3, rtol=1e-3)


@pytest.fixture(scope='module')
def matter():
    dice = Dice.of(0, 0, device=CPU, split='training')
    sizes = ((1.0, 1.0, 1.0), (0.8, 0.8, 1.5625))
    return brains(dice, Grid(64, sizes * 4, ((0.0, 0.0, 1.0),) * 8))


def test_worlds_hold_brains_of_plausible_susceptibility(matter):
    inside = matter.level < 0
    assert inside.float().mean((1, 2, 3)).min() > 0.03
    for chi, body in zip(matter.chi, inside, strict=True):
        values = chi[body]
        assert values.abs().max() < 1.5
        # tissue makes most of it, and differs by less than nuclei and veins do
        assert values.quantile(0.9) - values.quantile(0.1) < 0.5
        assert values.std() > 0.01
    assert matter.chi.abs().amax((1, 2, 3)).max() > 0.4
    assert matter.signal.min() >= 0
    assert matter.signal.max() < 2


def test_no_two_brains_are_alike(matter):
    flat = (matter.level < 0).float().flatten(1)
    overlap = 2 * flat @ flat.T / (flat.sum(1)[:, None] + flat.sum(1))
    assert (overlap - torch.eye(len(flat))).max() < 0.98


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec('nilearn') is None, reason='nilearn is not installed')
def test_the_file_is_what_the_script_makes(tmp_path, monkeypatch):
    from training.data import make_tissue  # noqa: PLC0415

    monkeypatch.setattr(make_tissue, 'TARGET', tmp_path / 'tissue.npz')
    make_tissue.main()
    with np.load(FILE) as shipped, np.load(tmp_path / 'tissue.npz') as made:
        for name in shipped:
            assert hash_of(shipped[name]) == hash_of(made[name]), name


def hash_of(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
