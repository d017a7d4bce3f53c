"""The app as a process of its own session, and the comparison of two of its outputs."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
RUN = Path(os.environ.get('QSMNET_BIDS_RUN', ROOT / 'run.py'))
QUICK = ('--inversion', 'tikhonov')
"""Faults are the same with any, and there are many."""
VOLATILE = {'seconds', 'run_time_s', 'device'}


def command(bids_dir: Path, out: Path, work: Path, *words: str) -> list[str]:
    level = [] if 'group' in words else ['participant']
    first = [sys.executable, RUN, bids_dir, out, *level, *QUICK, *words]
    return [str(word) for word in (*first, '--work-dir', work, '--nprocs', '2')]


def start(bids_dir: Path, out: Path, work: Path, *words: str, **more) -> subprocess.Popen:
    return subprocess.Popen(
        command(bids_dir, out, work, *words),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors='replace',
        start_new_session=True,
        **{'env': {**os.environ, 'OMP_NUM_THREADS': '1'}, **more},
    )


def finish(process: subprocess.Popen, *, seconds: float = 300) -> str:
    """Wait for the end and give what it said; an end that does not come is a hang."""
    try:
        text, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return text


def call(bids_dir: Path, out: Path, work: Path, *words: str, **more) -> tuple[int, str]:
    process = start(bids_dir, out, work, *words, **more)
    text = finish(process)
    return process.returncode, text


def processes_of(session: int) -> list[psutil.Process]:
    """List what still lives of a session."""
    alive = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                alive.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return alive


def left_of(session: int, *, seconds: float = 20) -> list[psutil.Process]:
    """List what lives of a session after some seconds of grace."""
    end = time.monotonic() + seconds
    while (alive := processes_of(session)) and time.monotonic() < end:
        time.sleep(0.05)
    return alive


def content(out: Path, subject: str = '') -> dict[str, object]:
    """Read an output: images and figures to the byte, sidecars without times."""
    found: dict[str, object] = {}
    for path in sorted(out.rglob('*')):
        name = path.relative_to(out).as_posix()
        if path.is_dir() or name.startswith('logs/') or f'sub-{subject}' not in name:
            continue
        if path.suffix == '.json':
            found[name] = timeless(json.loads(path.read_text()))
        else:
            found[name] = path.read_bytes() if path.suffix in ('.gz', '.png') else None
    return found


def timeless(value: object) -> object:
    if isinstance(value, dict):
        return {key: timeless(each) for key, each in value.items() if key not in VOLATILE}
    return [timeless(each) for each in value] if isinstance(value, list) else value


def differences(one: dict[str, object], other: dict[str, object]) -> list[str]:
    return sorted(
        name for name in one.keys() | other.keys() if one.get(name, 0) != other.get(name, 0)
    )
