"""The training loop."""

import math
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import numpy as np
import torch
from torch import Tensor, nn

from qsmnet_bids.solvers.heap import kept_blocks
from training.batches import Batch, Source
from training.checkpoint import Run, save, start
from training.judging import gather_evidence
from training.losses import weighted_loss
from training.observer import Observer, observed
from training.processes import Processes
from training.recipe import Recipe, build_source, has_averages
from training.tracking import Line
from training.validation import predict

REPORT_SECONDS = 1.0
"""Least time between two looks at the losses, each of which waits for the device."""
N_TIMED = 25
"""Steps at the start in which a GPU is waited for, to tell what the data takes of each."""


@dataclass
class Stop:
    """Whether the process was asked to end.

    Parameters
    ----------
    is_asked
        Set by a signal.
    """

    is_asked: bool = False


@dataclass
class Pending:
    """Steps whose losses were not looked at yet.

    Parameters
    ----------
    since
        When they began.
    lines
        What is known of each without waiting for the device.
    values
        Loss and norm of the gradient of each.
    """

    since: float
    lines: list[Line] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)


def train(
    recipe: Recipe,
    run_dir: Path,
    *,
    processes: Processes,
    restart: bool = False,
    max_minutes: float = math.inf,
    save_minutes: float = 5.0,
) -> bool:
    """Train until the recipe's steps or the minutes are over, going on from a checkpoint.

    Parameters
    ----------
    recipe
        What to train.
    run_dir
        Holds ``checkpoint.pt`` and what ``tracking`` writes.
    processes
        That train together.
    restart
        Whether to begin anew where a checkpoint stands.
    max_minutes
        Stop cleanly after these.
    save_minutes
        Between checkpoints; there is one after each validation as well.

    Returns
    -------
        Whether all steps are done; not if the minutes are over or a signal asked to end.

    Raises
    ------
    FloatingPointError
        If a loss or a gradient is not finite; the last good checkpoint stays.
    """
    if recipe.batch_size % processes.count:
        raise ValueError(
            f'batch_size must be a multiple of the number of processes, {processes.count}, '
            f'got {recipe.batch_size}'
        )
    run_dir.mkdir(parents=True, exist_ok=True)
    run = start(recipe, run_dir, device=processes.device, restart=restart)
    source = build_source(recipe)
    with ExitStack() as stack:
        stack.enter_context(kept_blocks())
        stop = stack.enter_context(_stoppable())
        observer = None
        if processes.is_first:
            observer = stack.enter_context(observed(run, run_dir, processes.device))
        first_step, seconds_before = run.step, run.seconds
        began = saved = time.monotonic()
        pending = Pending(began)
        while run.step < recipe.steps:
            now = time.monotonic()
            is_over, is_save_due, is_report_due = processes.agree(
                stop.is_asked or now - began > 60 * max_minutes,
                now - saved > 60 * save_minutes,
                now - pending.since > REPORT_SECONDS,
            )
            if is_over:
                break
            is_timed = processes.device.type == 'cpu' or run.step - first_step < N_TIMED
            _step(run, source, processes, pending=pending, is_timed=is_timed)
            run.seconds = seconds_before + time.monotonic() - began
            is_validation_due = recipe.steps == run.step or run.step % recipe.validation_every == 0
            if is_report_due or is_save_due or is_validation_due:
                pending = _report(pending, processes, observer)
            if is_save_due or is_validation_due:
                saved = _keep(run, run_dir, observer, is_validated=is_validation_due)
        _report(pending, processes, observer)
        _keep(run, run_dir, observer, is_validated=False)
    return run.step >= recipe.steps


def _step(
    run: Run, source: Source, processes: Processes, *, pending: Pending, is_timed: bool
) -> None:
    """Make samples, compare the network's answers with the labels, and change its weights."""
    recipe, device = run.recipe, processes.device
    began = _now(device, is_timed=is_timed)
    # as if the processes' parts were taken from one batch
    position = run.step * processes.count + processes.rank
    size = recipe.batch_size // processes.count
    batch = source.batch(seed=recipe.seed, step=position, size=size, device=device)
    data_seconds = _now(device, is_timed=is_timed) - began
    torch.manual_seed(_dropout_seed(recipe.seed, position))
    learn = gather_evidence if recipe.learns == 'judge' else _learn
    loss, norm = learn(run, batch, processes)
    run.step += 1
    line = {'step': run.step, 'rate': recipe.rate(run.step - 1)}
    if is_timed:
        step_seconds = _now(device, is_timed=True) - began
        line |= {'data_seconds': data_seconds, 'step_seconds': step_seconds}
    pending.lines.append(line)
    pending.values.append(torch.stack([loss, norm]))


def _learn(run: Run, batch: Batch, processes: Processes) -> tuple[Tensor, Tensor]:
    """Change the weights by one batch; give the loss and the norm of its gradient."""
    recipe = run.recipe
    for group in run.optimiser.param_groups:
        group['lr'] = recipe.rate(run.step)
    run.network.train()
    if recipe.learns == 'weights':
        _fix_averages(run.network)
    output = predict(run.network, batch.sample)
    loss = weighted_loss(output, batch.label, batch.sample, weights=recipe.loss)
    run.optimiser.zero_grad()
    torch.autograd.backward(loss)
    processes.average_gradients(run.network.parameters())
    norm = nn.utils.clip_grad_norm_(run.network.parameters(), recipe.clip_norm)
    run.optimiser.step()
    _update_average(run, min(recipe.ema_decay, run.step / (run.step + 10)))
    return loss.detach(), norm


def _fix_averages(network: nn.Module) -> None:
    """Let batch normalisation go by its running averages, and leave them as they are."""
    for module in network.modules():
        if has_averages(module):
            module.eval()


def _report(pending: Pending, processes: Processes, observer: Observer | None) -> Pending:
    """Wait for the device, make sure that all is finite, and tell."""
    if not pending.values:
        return pending
    values = processes.mean(torch.stack(pending.values)).tolist()
    seconds = (time.monotonic() - pending.since) / len(pending.lines)
    for line, (loss, norm) in zip(pending.lines, values, strict=True):
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise FloatingPointError(
                f'step {line["step"]:.0f}: the loss is {loss} and the norm of its gradient {norm}'
            )
        line |= {'loss': loss, 'norm': norm, 'seconds': seconds}
    if observer:
        observer.report(pending.lines)
    return Pending(time.monotonic())


def _keep(run: Run, run_dir: Path, observer: Observer | None, *, is_validated: bool) -> float:
    """Write a checkpoint, and tell when."""
    if observer and is_validated:
        observer.validate()
    if observer:
        save(run, run_dir)
    return time.monotonic()


@torch.no_grad()
def _update_average(run: Run, decay: float) -> None:
    state = run.network.state_dict()
    for name, value in run.average.state_dict().items():
        if value.is_floating_point():
            value.lerp_(state[name], 1 - decay)
        else:
            value.copy_(state[name])


def _dropout_seed(seed: int, position: int) -> int:
    return int(np.random.SeedSequence([seed, position]).generate_state(1)[0])


def _now(device: torch.device, *, is_timed: bool) -> float:
    if device.type == 'cuda' and is_timed:
        torch.cuda.synchronize(device)
    return time.monotonic()


@contextmanager
def _stoppable() -> Iterator[Stop]:
    """Take SIGTERM, and the first interrupt, as wishes to end after the step."""
    stop = Stop()

    def ask(number: int, _: FrameType | None) -> None:
        stop.is_asked = True
        signal.signal(number, before[signal.Signals(number)])

    before = {one: signal.signal(one, ask) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
