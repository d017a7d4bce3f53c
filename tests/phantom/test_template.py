import importlib.util

import pytest
import torch

from qsmnet_bids.errors import QsmError
from qsmnet_bids.phantom.template import (
    Lattice,
    distance_from_brain,
    load_tissue,
    template_folder,
)


def test_lattice_interpolates_a_linear_map_exactly():
    index = torch.stack(torch.meshgrid(*map(torch.arange, (5, 6, 7)), indexing='ij')).float()
    lattice = Lattice((index[0] + 10 * index[1] + 100 * index[2])[None], (1, 2, 3), (2, 1, 0.5))
    positions = torch.tensor([[3.0, 4.6], [5.0, 3.25], [4.0, 5.1]]).view(3, 2, 1, 1)
    value = lattice.sample(positions, beyond='zeros').flatten()
    expected = [1 + 10 * 3 + 100 * 2, 1.8 + 10 * 1.25 + 100 * 4.2]
    assert value.tolist() == pytest.approx(expected, rel=1e-5)


def test_lattice_is_zero_or_constant_outside():
    lattice = Lattice(torch.full((1, 3, 3, 3), 5.0), (0, 0, 0), (1, 1, 1))
    far = torch.full((3, 1, 1, 1), 20.0)
    assert float(lattice.sample(far, beyond='zeros')) == 0
    assert float(lattice.sample(far, beyond='border')) == 5


def test_tissue_lies_where_it_should():
    tissue = load_tissue((2.0, 2.0, 2.0))
    names = ['caudate', 'white', 'ventricle', 'air']
    points = torch.tensor([[12.0, 12, 10], [26, -30, 28], [5, -4, 22], [90, 80, 90]])
    grey, white, contrast, inside = tissue.sample(points.T.reshape(3, 4, 1, 1), beyond='zeros')
    found = torch.stack([grey, white, contrast, inside])[..., 0, 0].T
    by_name = dict(zip(names, found.tolist(), strict=True))
    assert by_name['caudate'][0] > 0.8
    assert by_name['white'][1] > 0.8
    assert max(by_name['ventricle'][:2]) < 0.3
    assert by_name['ventricle'][3] == 1
    assert by_name['air'] == [0, 0, 0, 0]


def test_distance_is_signed_and_in_mm():
    distance = distance_from_brain(load_tissue((4.0, 4.0, 4.0)))
    points = torch.tensor([[0.0, -20, 30], [0, -20, 95], [0, -20, 105]]).T.reshape(3, 3, 1, 1)
    deep, above, higher = distance.sample(points, beyond='border').flatten().tolist()
    assert deep < -20
    assert 8 < above < 20
    assert higher - above == pytest.approx(10, abs=1)


def test_missing_nilearn_is_named_with_the_extra(monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda _name: None)
    with pytest.raises(QsmError, match=r'nilearn.*qsmnet-bids\[phantom\]'):
        template_folder()
