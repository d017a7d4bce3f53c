import pytest
import torch

from qsmnet_bids.networks import doubt
from qsmnet_bids.networks.doubt import doubted

SHAPE = (32, 32, 32)


def test_smooth_errors_are_doubted_more_than_white_ones_as_strong():
    field, known = (torch.ones(1, 1, *SHAPE) for _ in range(2))
    parts = torch.tensor([[0.3, 0.3, 0.3], [0.3, 1.2, 1.2]])
    both = [doubted(field, 0 * field, known, part[None]) for part in parts]
    (even, white), (more, smooth) = both
    assert float(white.share) == pytest.approx(0.3 - doubt.BLUR**2)
    assert float(white.share) < float(smooth.share) < 1
    torch.testing.assert_close(even, white.share.sqrt() * known)
    torch.testing.assert_close(more, smooth.share.sqrt() * known)
    # a fit that knows of it all leaves nothing to doubt
    told, known_of = doubted(field, 1.2 * field, known, parts[1:])
    assert torch.equal(told, 1.2 * field)
    assert float(known_of.share) == 1
    assert float(known_of.smooth) == 0


def test_only_white_errors_make_variation_dear_and_only_smooth_ones_are_split_off():
    field, known = (torch.ones(1, 1, *SHAPE) for _ in range(2))
    parts = torch.tensor([[0.3, 0.3, 0.3], [0.3, 1.6, 1.6], [0.3, 3.0, 3.0]])
    prices = [doubted(field, 0 * field, known, part[None])[1].price() for part in parts]
    white, smooth, smoothest = prices
    assert float(white.smooth) == 0
    assert 0 < float(smooth.smooth) < float(smoothest.smooth) <= doubt.SMOOTHEST
    assert white.alpha == smooth.alpha == smoothest.alpha
    assert float(white.edge) < float(smooth.edge)


def test_a_field_without_errors_has_no_doubt():
    field, known = (torch.ones(1, 1, *SHAPE) for _ in range(2))
    deviation, found = doubted(field, 0 * field, known, torch.tensor([[0.01, 0.2, 0.1]]))
    assert not deviation.any()
    assert not any(float(one) for one in (found.share, found.white, found.smooth))
