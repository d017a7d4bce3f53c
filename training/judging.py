"""Fit the small network that weighs maps, by itself and to many worlds at once.

Inside a network's training it sees each world once, and the U-Net after it hides what it does
wrong. What a world tells of it, though, is a dozen numbers, so that all worlds fit in memory.
"""

import torch
from torch import Tensor, nn

from qsmnet_bids.networks.judge import judge, weighed
from qsmnet_bids.networks.refined import Refined
from training.batches import Batch
from training.checkpoint import Run
from training.evidence import Evidence, evidence_of, joined, relative_errors
from training.losses import LEAST_ERROR
from training.processes import Processes

STEPS, RATE, DECAY = 1500, 0.01, 0.01
"""Of AdamW, each on all worlds; the rate falls to zero along a cosine."""
N_UNITS = 2
"""Of those that a judge has: worlds are few, and more units found what sets worlds apart from
heads; without any, it is as good on clean fields, but not on noisy ones."""
BLUR = 0.3
"""Noise of the signs, in their standard deviations: worlds are but like heads, and a judgement
that turns on less than that is none."""


def gather_evidence(run: Run, batch: Batch, processes: Processes) -> tuple[Tensor, Tensor]:
    """Keep what a batch tells; after the last one, fit the judge.

    Parameters
    ----------
    run
        Whose network has a judge.
    batch
        Whole worlds.
    processes
        Each of which hears a part of them.

    Returns
    -------
        Loss of the judge that was, and 0 in place of a gradient's norm.
    """
    network, average = run.network, run.average
    if not (isinstance(network, Refined) and isinstance(average, Refined)):
        raise TypeError(f'{type(network).__name__} has no judge')
    heard = Evidence(*map(processes.gathered, evidence_of(network, batch)))
    # where a checkpoint's is, whatever device goes on with it
    run.evidence = joined(run.evidence, Evidence(*(part.cpu() for part in heard)))
    with torch.no_grad():
        loss = _loss(network.judge, heard, heard.signs)
    if run.step + 1 == run.recipe.steps:
        fitted = fit_judge(run.evidence, seed=run.recipe.seed).state_dict()
        network.judge.load_state_dict(fitted)
        average.judge.load_state_dict(fitted)
    return loss, torch.zeros_like(loss)


def fit_judge(evidence: Evidence, *, seed: int) -> nn.Sequential:
    """Fit a judge to worlds: the least mean logarithm of the relative error.

    Parameters
    ----------
    evidence
        Of the worlds, on the CPU.
    seed
        Of the initial weights and the noise of the signs.
    """
    torch.manual_seed(seed)
    fitted = judge(evidence.errors.shape[1], N_UNITS)
    centre = evidence.signs.mean(0)
    width = evidence.signs.std(0).clamp(min=torch.finfo(centre.dtype).eps)
    seen = (evidence.signs - centre) / width
    optimiser = torch.optim.AdamW(fitted.parameters(), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for _ in range(STEPS):
        loss = _loss(fitted, evidence, seen + BLUR * torch.randn_like(seen))
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()
    return _grown(fitted, centre, width)


@torch.no_grad()
def _grown(fitted: nn.Sequential, centre: Tensor, width: Tensor) -> nn.Sequential:
    """Give a judge a network's number of units, and signs as they are in place of scaled ones."""
    weight, bias, last, last_bias = fitted.state_dict().values()
    whole = judge(len(last_bias))
    for part in whole.parameters():
        part.zero_()
    n, state = len(bias), whole.state_dict()
    state['0.weight'][:n] = weight / width
    state['0.bias'][:n] = bias - (weight / width) @ centre
    state['2.weight'][:, :n] = last
    state['2.bias'].copy_(last_bias)
    return whole


def _loss(judge: nn.Sequential, evidence: Evidence, signs: Tensor) -> Tensor:
    shares = weighed(judge, signs, evidence.smooth)
    return (relative_errors(shares, evidence.errors) + LEAST_ERROR).log().mean()
