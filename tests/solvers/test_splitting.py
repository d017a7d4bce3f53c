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


@pytest.mark.parametrize('split_off', [False, True])
def test_relaxed_steps_end_at_the_same_place_sooner(generator, split_off):
    truth = torch.zeros(12, 10, 8, dtype=torch.float64)
    truth[3:8, 2:6, 2:5] = 1.0
    field = truth + 0.1 * torch.randn(truth.shape, generator=generator, dtype=torch.float64)
    kernel = torch.ones(12, 10, 5, dtype=torch.float64)

    def after(n_steps, relaxation):
        step = VariationStep(
            field.clone(),
            kernel,
            (1.0, 1.0, 1.0),
            alpha=0.1,
            rho=0.05,
            prox=(lambda wanted: (wanted + field) / 2) if split_off else None,
            relaxation=relaxation,
        )
        chi = step.start()
        for _ in range(n_steps):
            chi = step(chi)
        return chi

    limit = after(1000, 1.0)
    torch.testing.assert_close(after(1000, 1.8), limit, rtol=0, atol=2e-4)
    plain, relaxed = (float((after(40, r) - limit).norm()) for r in (1.0, 1.8))
    assert relaxed < 0.7 * plain


def test_a_relaxed_split_mixes_the_gradient_with_what_it_was_split_into(generator):
    volume = torch.randn(7, 6, 5, generator=generator, dtype=torch.float64)
    split = GradientSplit(volume, SIZE, 0.3, relaxation=1.5)
    gradient = torch.stack(differences(volume))
    split(volume)
    first = gradient.sign() * (gradient.abs() - 0.3).clamp(min=0)
    torch.testing.assert_close(split.shrunk, first)
    wanted = 1.5 * gradient - 0.5 * first + (gradient - first)
    split(volume)
    torch.testing.assert_close(split.multipliers, wanted.clamp(-0.3, 0.3))


def relaxed_step(field, mu, rho=0.05):
    kernel = torch.linspace(0.2, 1.0, 5, dtype=torch.float64).expand(12, 10, 5)

    def prox(wanted):
        return (mu * wanted + field) / (mu + 1)

    return VariationStep(
        field * (1 / (1 + mu)),
        kernel,
        (1.0, 1.0, 1.0),
        alpha=0.1,
        rho=rho,
        mu=mu,
        prox=prox,
        relaxation=1.8,
    )


def test_another_coupling_on_the_way_changes_nothing_if_it_is_the_same(generator):
    field = torch.randn(12, 10, 8, generator=generator, dtype=torch.float64)
    one, other = relaxed_step(field, 0.7), relaxed_step(field, 0.7)
    chi = again = one.start()
    for index in range(8):
        if index == 4:
            other.couple(0.7, other.prox, rho=0.05)
        chi, again = one(chi), other(again)
    torch.testing.assert_close(again, chi)


def test_another_coupling_on_the_way_leaves_a_solution_where_it_is(generator):
    field = torch.randn(12, 10, 8, generator=generator, dtype=torch.float64)
    step, tight = relaxed_step(field, 0.7), relaxed_step(field, 3.0, rho=0.2)
    chi = step.start()
    for _ in range(800):
        chi = step(chi)
    step.couple(3.0, tight.prox, rho=0.2)
    step.gradient.threshold = tight.gradient.threshold
    torch.testing.assert_close(step(chi), chi, rtol=0, atol=1e-4)
    # which is no fault of a step that would do nothing
    assert float((tight(tight.start()) - chi).abs().max()) > 0.01


def test_what_does_not_split_the_field_cannot_be_coupled_otherwise(generator):
    field = torch.randn(6, 6, 6, generator=generator)
    step = VariationStep(field, torch.ones(6, 6, 4), (1.0, 1.0, 1.0), alpha=0.1, rho=0.1)
    with pytest.raises(ValueError, match='splits its field'):
        step.couple(2.0, lambda wanted: wanted, rho=0.1)


@pytest.mark.parametrize('relaxation', [1.0, 1.8])
def test_no_change_lowers_the_cost_with_smooth_errors(generator, relaxation):
    """That cost, once the best errors are put in: |D x - field|^2 / (1 + S) and the variation."""
    shape, alpha, coupling = (10, 8, 6), 0.1, 0.7
    field = torch.randn(shape, generator=generator, dtype=torch.float64)
    along = [torch.fft.fftfreq(n, dtype=torch.float64) for n in shape[:2]]
    along.append(torch.fft.rfftfreq(shape[2], dtype=torch.float64))
    squared = along[0][:, None, None] ** 2 + along[1][:, None] ** 2 + along[2] ** 2
    kernel, smooth = 1 / 3 + squared, 8 * torch.exp(-20 * squared)
    step = VariationStep(
        field.clone(),
        kernel,
        (1.0, 1.0, 1.0),
        alpha=alpha,
        rho=0.05,
        mu=coupling,
        prox=lambda wanted: (coupling * wanted + field) / (1 + coupling),
        relaxation=relaxation,
        smooth=smooth,
    )
    chi = repeat(step, step.start(), max_iterations=5000, tolerance=1e-13).value
    weight = 1 / (1 + smooth)

    def cost(volume):
        misfit = torch.fft.rfftn(volume) * kernel - torch.fft.rfftn(field)
        misfit[0, 0, 0] = 0
        squares = torch.fft.irfftn(misfit * weight.sqrt(), s=shape).square().sum()
        steps = sum((volume.roll(-1, axis) - volume).abs().sum() for axis in range(3))
        return float(squares / 2 + alpha * steps)

    for scale in (1e-1, 1e-2, 1e-3):
        for _ in range(5):
            change = torch.randn(shape, generator=generator, dtype=torch.float64)
            assert cost(chi + scale * change) > cost(chi)
    # a minimum of something else would be left along its own gradient
    assert cost(0.99 * chi) > cost(chi)
    assert cost(1.01 * chi) > cost(chi)


def test_smooth_errors_need_a_field_that_is_split():
    field, kernel = torch.ones(4, 4, 4), torch.ones(4, 4, 3)
    with pytest.raises(ValueError, match='only where the field is split'):
        VariationStep(field, kernel, SIZE, alpha=1.0, rho=1.0, smooth=torch.ones(4, 4, 3))
