import dataclasses

import pytest
import torch

from qsmnet_bids.networks.fourier import convolve
from qsmnet_bids.networks.judge import referenced, weighed
from qsmnet_bids.networks.refined import STAGES, Refined
from tests.training.tiny import ALONE, CPU, TINY, assert_same_weights, log, run
from training.batches import SOURCES
from training.evidence import Evidence, evidence_of, joined, relative_errors
from training.judging import fit_judge
from training.recipe import build_network, build_source
from training.train import train

pytestmark = pytest.mark.usefixtures('one_thread')

WORLDS = {'source': 'worlds', 'world_size': 16, 'crop_size': 0}
FIRST = dataclasses.replace(
    TINY,
    steps=1,
    loss={'log_relative_l1': 1.0},
    network={'architecture': 'refined', 'features': 2, 'depth': 1},
    data=WORLDS,
)
RECIPE = dataclasses.replace(
    FIRST, name='judged', learns='judge', starts_from='tiny', steps=3, validation_every=3
)


def world(task, **options):
    source = SOURCES['worlds'](task=task, world_size=16, crop_size=0, **options)
    return source.batch(seed=0, step=0, size=2, device=CPU)


@pytest.mark.parametrize('task', ['dipole', 'onestep', 'background'])
def test_evidence_tells_the_error_of_any_mean_of_the_maps(task):
    network, batch = Refined(task=task, features=2, depth=1).eval(), world(task)
    found = evidence_of(network, batch)
    shares = torch.tensor([[0.2, 0.5, 0.3], [0.0, 1.0, 0.0]])
    start, mask = network.start(batch.sample), batch.sample.mask
    mean = torch.einsum('nkxyz,nk->nxyz', start.maps, shares)[:, None]
    if task == 'background':
        answer, label = convolve(mean, start.kernel) * mask, batch.label * mask
    else:
        answer, label = referenced(mean, mask), referenced(batch.label, mask)
    wrong = start.scale * answer - label
    expected = wrong.flatten(1).norm(dim=1) / label.flatten(1).norm(dim=1)
    torch.testing.assert_close(relative_errors(shares, found.errors), expected)
    torch.testing.assert_close(found.signs, start.signs)


def test_a_world_without_susceptibility_tells_nothing():
    batch = world('dipole')
    empty = dataclasses.replace(batch, label=0 * batch.label)
    assert not evidence_of(Refined(features=2, depth=1), empty).errors.any()


def invented(n):
    """Worlds whose second sign tells which of two maps is right."""
    generator = torch.Generator().manual_seed(1)
    signs = torch.randn((n, 2 * len(STAGES) + 4), generator=generator)
    # signs are logarithms: none has a mean of zero, or all have one width
    signs = signs * torch.linspace(0.1, 2, signs.shape[1]) - 3
    first = signs[:, 1] < -3
    errors = torch.full((n, len(STAGES)), 1.0)
    errors[:, 0] = torch.where(first, 0.01, 1.0)
    errors[:, 2] = torch.where(first, 1.0, 0.01)
    return Evidence(signs, torch.zeros(n), torch.diag_embed(errors)), first


@pytest.mark.slow
def test_a_fitted_judge_takes_the_better_map_of_worlds_it_has_not_heard_of():
    evidence, _ = invented(200)
    fitted = fit_judge(evidence, seed=0)
    (signs, smooth, errors), first = invented(600)
    shares = weighed(fitted, signs, smooth)[200:]
    taken = shares.argmax(1)
    right = torch.where(first[200:], 0, 2)
    assert (taken == right).float().mean() > 0.85
    assert relative_errors(shares, errors[200:]).mean() < 0.25
    again = fit_judge(evidence, seed=0)
    assert torch.equal(again[0].weight, fitted[0].weight)


@pytest.mark.slow
def test_a_judge_s_stage_changes_nothing_else_and_ends_alike_in_parts(tmp_path):
    run(FIRST, tmp_path / 'tiny')
    before = torch.load(tmp_path / 'tiny/checkpoint.pt', weights_only=True)['average']
    stored = run(RECIPE, tmp_path / 'judged')
    for name, value in stored['average'].items():
        is_judge = name.startswith('judge.') and value.any()
        assert torch.equal(value, before[name]) != is_judge, name
        assert torch.equal(value, stored['network'][name])
    losses = [line['loss'] for line in log(tmp_path / 'judged') if 'loss' in line]
    source, network = build_source(RECIPE), build_network(RECIPE)
    network.load_state_dict(before)
    heard = None
    for step in range(3):
        one = evidence_of(network, source.batch(seed=0, step=step, size=2, device=CPU))
        shares = weighed(network.judge, one.signs, one.smooth)
        error = (relative_errors(shares, one.errors) + 0.01).log().mean()
        assert losses[step] == pytest.approx(float(error.detach()))
        heard = joined(heard, one)
    assert torch.equal(heard.errors, stored['evidence']['errors'])
    for _ in range(3):
        if train(RECIPE, tmp_path / 'parts', processes=ALONE, max_minutes=0.0001):
            break
    assert_same_weights(tmp_path / 'judged', tmp_path / 'parts')
