import dataclasses

import pytest
import torch

from training import stability
from training.stability import Row, World, _row, worlds
from training.worlds.geometric import Geometric


@pytest.fixture
def small(monkeypatch):
    world = Geometric(size=24, n_objects=12)
    monkeypatch.setattr(stability, 'SMALL', dataclasses.replace(world, size=16))
    monkeypatch.setattr(stability, 'LARGE', world)
    monkeypatch.setattr(stability, 'VEINS', dataclasses.replace(world, n_cylinders=3))
    monkeypatch.setattr(stability, 'SOURCES', ((1.0, 4.0),))
    monkeypatch.setattr(stability, 'PATCH_RADIUS', 3.0)


def test_who_finds_the_truth_makes_no_error_at_any_scale():
    truth = torch.randn(8, 8, 8, generator=torch.Generator().manual_seed(0))
    found = _row(World('scaled', truth, truth * 10, scale=10.0), 'exact', lambda _: truth * 10 + 3)
    assert found.rmse == pytest.approx(0, abs=1e-6)
    assert found.slope == pytest.approx(1)
    assert found.ssim == pytest.approx(1)


@pytest.mark.usefixtures('small')
def test_worlds_are_what_they_are_called():
    made = {world.name: world for world in worlds()}
    base = made['128 cubed']
    assert made['48 cubed'].chi.shape == (16, 16, 16)
    added = made['source of 1 ppm, radius 4'].chi - base.chi
    assert added.max() == pytest.approx(1)
    assert float(added.sum()) == pytest.approx(4 / 3 * torch.pi * 4**3, rel=0.05)
    assert torch.equal(made['scaled by 100'].field, base.field * 100)
    noise = made['noise of 0.01 ppm'].field - base.field
    assert float(noise.std()) == pytest.approx(0.01, rel=0.05)
    patch = made['field without a source']
    assert torch.equal(patch.chi, base.chi)
    assert (patch.field - base.field).max() == pytest.approx(stability.PATCH_PPM)


@pytest.mark.usefixtures('small')
def test_a_closed_form_is_better_without_what_it_does_not_expect():
    rows = {row.experiment: row for row in stability.stability(['tkd'])}
    assert isinstance(rows['128 cubed'], Row)
    assert rows['scaled by 1000'].rmse == pytest.approx(rows['128 cubed'].rmse, rel=1e-3)
    assert rows['field without a source'].rmse > 1.1 * rows['128 cubed'].rmse
    assert rows['noise of 0.01 ppm'].rmse > 1.05 * rows['128 cubed'].rmse


def test_an_unknown_method_is_named():
    with pytest.raises(ValueError, match='nothing is neither one of the inversions'):
        list(stability.stability(['nothing']))
