"""Accuracy of every inversion, from the true local field and from the raw echoes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from benchmarks.heads import CASES, Case, Quality, judge_map, simulate_head
from benchmarks.process import measure
from qsmnet_bids.inversion import METHODS
from qsmnet_bids.pipeline import reconstruct
from qsmnet_bids.tensors import ChiMap, LocalField, MultiEcho
from qsmnet_bids.vectors import Vector


@dataclass(frozen=True)
class Row:
    """One method on one acquisition.

    Parameters
    ----------
    case
        The acquisition.
    source
        ``local field``: the inversion alone, from the true one; ``echoes``: the whole chain.
    method
        The inversion.
    quality
        Of its map.
    seconds, peak_gb
        Of that, in a process of its own.
    """

    case: str
    source: str
    method: str
    quality: Quality
    seconds: float
    peak_gb: float


def accuracy(
    *,
    cases: Sequence[str] = (),
    methods: Sequence[str] = (),
    voxel_size: Vector | None = None,
    n_threads: int | None = None,
) -> list[Row]:
    """Reconstruct every acquisition by every method.

    Parameters
    ----------
    cases, methods
        Names of acquisitions and inversions; empty for all.
    voxel_size
        In place of each acquisition's own, for a quick look, mm.
    n_threads
        Of each process; None for as many as there are cores.
    """
    rows = []
    for case in CASES:
        if cases and case.name not in cases:
            continue
        used = replace(case, voxel_size=voxel_size) if voxel_size else case
        rows += _rows(used, methods or tuple(METHODS), n_threads)
    return rows


def _rows(case: Case, methods: Sequence[str], n_threads: int | None) -> list[Row]:
    head = simulate_head(case)
    sources: dict[str, tuple[Callable[..., ChiMap], LocalField | MultiEcho]] = {
        'local field': (_invert, head.local),
        'echoes': (_reconstruct, head.echoes),
    }
    rows = []
    for method in methods:
        for source, (call, data) in sources.items():
            done = measure(call, data, method, n_threads)
            quality = judge_map(done.value, head)
            rows.append(Row(case.name, source, method, quality, done.seconds, done.peak_gb))
    return rows


def _invert(local: LocalField, method: str, n_threads: int | None) -> ChiMap:
    _limit(n_threads)
    return METHODS[method](local)


def _reconstruct(echoes: MultiEcho, method: str, n_threads: int | None) -> ChiMap:
    _limit(n_threads)
    return reconstruct(echoes, inversion=method).chi


def _limit(n_threads: int | None) -> None:
    if n_threads is not None:
        torch.set_num_threads(n_threads)
