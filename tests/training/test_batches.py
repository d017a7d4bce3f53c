import dataclasses
import typing

import nibabel as nib
import numpy as np
import pytest
import torch

from training.batches import SOURCES, Mixture
from training.pairs import export_pairs
from training.worlds.geometric import Geometric
from training.worlds.periodic import Worlds

CPU = torch.device('cpu')
SMALL, LARGE = Geometric(size=16, n_objects=5), Geometric(size=24, n_objects=5)


def test_a_mixture_gives_each_source_its_share_and_the_same_stream_again():
    mixture = Mixture((SMALL, LARGE), (3.0, 1.0))
    sides = [
        mixture.batch(seed=0, step=step, size=1, device=CPU).label.shape[-1] for step in range(80)
    ]
    again = [
        mixture.batch(seed=0, step=step, size=1, device=CPU).label.shape[-1] for step in range(80)
    ]
    assert sides == again
    assert np.mean(np.array(sides) == 16) == pytest.approx(0.75, abs=0.15)


@pytest.mark.parametrize('weights', [(1.0,), (0.0, 0.0), (-1.0, 2.0)])
def test_a_mixture_refuses_bad_weights(weights):
    with pytest.raises(ValueError, match='weights must be'):
        Mixture((SMALL, LARGE), weights)


@pytest.mark.parametrize('name', list(SOURCES))
def test_recipes_can_hold_the_fields_of_every_source(name):
    for field in dataclasses.fields(SOURCES[name]):
        kinds = {int, float, str, bool}
        literals = {type(value) for value in typing.get_args(field.type)}
        assert field.type in kinds or literals == {str}, field.name
        assert field.default is not dataclasses.MISSING


def test_pairs_are_written_as_they_are_made(tmp_path):
    source = Worlds(world_size=16, crop_size=0, brains=0.0)
    files = export_pairs(source, 9, tmp_path / 'pairs', seed=4)
    assert len(files) == 36
    batch = source.batch(seed=4, step=1, size=1, device=CPU)
    for name, volume in (('field', batch.sample.field), ('label', batch.label)):
        stored = nib.load(tmp_path / 'pairs' / f'0008_{name}.nii').get_fdata(dtype=np.float32)
        np.testing.assert_array_equal(stored, volume[0, 0].numpy())
