import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_laplace
from skimage.metrics import structural_similarity

from qsmnet_bids import metrics

SHAPE = (20, 22, 24)


@pytest.fixture
def truth(rng):
    return rng.normal(0.02, 0.1, SHAPE).astype(np.float32)


@pytest.fixture
def mask():
    x, y, z = np.ogrid[:20, :22, :24]
    return (x - 10) ** 2 + (y - 11) ** 2 + (z - 12) ** 2 < 64


def test_a_perfect_estimate_scores_perfectly(truth, mask):
    scores = metrics.score(truth, truth, mask)
    zeros = (scores.nrmse, scores.nrmse_detrended, scores.hfen, scores.rmse, scores.mae)
    assert zeros == pytest.approx((0,) * 5, abs=1e-10)
    ones = (scores.correlation, scores.xsim, scores.ssim, scores.slope)
    assert ones == pytest.approx((1,) * 4)
    assert scores.intercept == pytest.approx(0, abs=1e-12)


def test_a_scaled_and_shifted_estimate_has_known_scores(truth, mask):
    scores = metrics.score(0.75 * truth + 0.5, truth, mask)
    assert scores.nrmse == pytest.approx(25, rel=1e-5)
    assert scores.nrmse_detrended == pytest.approx(0, abs=1e-4)
    assert scores.hfen == pytest.approx(25, rel=1e-5)
    assert (scores.slope, scores.intercept) == pytest.approx((0.75, 0.5), rel=1e-5)
    assert scores.correlation == pytest.approx(1)


def test_an_orthogonal_error_has_known_scores(mask):
    truth, error = np.zeros((2, *SHAPE), dtype=np.float32)
    truth[mask] = np.tile([1, -1, 1, -1], mask.sum() // 4 + 1)[: mask.sum()]
    error[mask] = np.tile([1, 1, -1, -1], mask.sum() // 4 + 1)[: mask.sum()]
    n = mask.sum() - mask.sum() % 4
    keep = np.flatnonzero(mask)[:n]
    whole = np.zeros(SHAPE, dtype=bool)
    whole.flat[keep] = True
    scores = metrics.score(truth + 0.5 * error, truth, whole)
    assert scores.nrmse == pytest.approx(50)
    assert scores.nrmse_detrended == pytest.approx(50)
    assert scores.correlation == pytest.approx(1 / math.sqrt(1.25))
    assert (scores.rmse, scores.mae) == pytest.approx((0.5, 0.5))


def test_detrending_divides_the_error_by_the_slope(mask, rng):
    truth, noise = rng.normal(0, 1, (2, *SHAPE))
    estimate = 0.5 * truth + 0.1 * noise
    slope, intercept = metrics.slope_intercept(estimate, truth, mask)
    expected = metrics.nrmse((estimate - intercept) / slope, truth, mask)
    assert metrics.nrmse_detrended(estimate, truth, mask) == pytest.approx(expected)
    fitted = np.polyfit(truth[mask], estimate[mask], 1)
    assert (slope, intercept) == pytest.approx(tuple(fitted))


def test_values_outside_the_mask_count_in_hfen_alone(truth, mask, rng):
    estimate = truth + rng.normal(0, 0.02, SHAPE).astype(np.float32)
    disturbed = np.where(mask, estimate, 7).astype(np.float32)
    before, after = (metrics.score(r, truth, mask) for r in (estimate, disturbed))
    assert after.hfen > 2 * before.hfen
    same = [name for name in vars(before) if name != 'hfen']
    assert [getattr(after, name) for name in same] == [getattr(before, name) for name in same]


def test_hfen_is_the_error_of_the_filtered_volumes(truth, mask, rng):
    estimate = (truth + rng.normal(0, 0.05, SHAPE)).astype(np.float32)
    error = gaussian_laplace((estimate - truth).astype(np.float64), 1.5)[mask]
    detail = gaussian_laplace(truth.astype(np.float64), 1.5)[mask]
    expected = 100 * np.linalg.norm(error) / np.linalg.norm(detail)
    assert metrics.hfen(estimate, truth, mask) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize('name', ['ssim', 'xsim'])
def test_similarity_agrees_with_scikit_image(name, truth, rng):
    estimate = (0.8 * truth + rng.normal(0, 0.05, SHAPE)).astype(np.float32)
    everywhere = np.ones(SHAPE, dtype=bool)
    if name == 'xsim':
        estimate, truth = estimate - estimate.mean(), truth - truth.mean()
        constants = {'data_range': 1.0, 'K1': 0.01, 'K2': 0.001}
    else:
        constants = {'data_range': 2.0}
    _, local = structural_similarity(
        estimate.astype(np.float64), truth.astype(np.float64), win_size=5, full=True, **constants
    )
    found = getattr(metrics, name)(estimate, truth, everywhere)
    assert found == pytest.approx(local.mean(), rel=1e-5)


def test_similarity_of_constant_maps_is_their_luminance():
    whole = np.ones(SHAPE, dtype=bool)
    x, y = np.full(SHAPE, 0.3), np.full(SHAPE, 0.1)
    c1 = 0.02**2
    expected = (2 * 0.03 + c1) / (0.09 + 0.01 + c1)
    assert metrics.ssim(x, y, whole) == pytest.approx(expected)
    assert metrics.ssim(x, y, whole, data_range=20.0) > metrics.ssim(x, y, whole)


def test_a_constant_estimate_has_no_correlation(truth, mask):
    flat = np.zeros(SHAPE, dtype=np.float32)
    assert metrics.nrmse(flat, truth, mask) == pytest.approx(100)
    assert metrics.nrmse_detrended(flat, truth, mask) == math.inf
    assert math.isnan(metrics.correlation(flat, truth, mask))


@pytest.mark.parametrize(
    ('estimate', 'truth', 'mask', 'message'),
    [
        (np.zeros(SHAPE), np.zeros(SHAPE), np.ones(SHAPE, bool), 'constant'),
        (np.zeros(SHAPE), np.ones(SHAPE), np.zeros(SHAPE, bool), 'empty'),
    ],
)
def test_what_cannot_be_compared_is_refused(estimate, truth, mask, message):
    with pytest.raises(ValueError, match=message):
        metrics.nrmse(estimate, truth, mask)
