"""The image as the strictest host runs it: ``make test-container`` builds it and names it here.

Read-only root, no network, no capability, a user that the image does not know, input that cannot
be written to, and a small temporary folder in memory.
"""

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

IMAGE = os.environ.get('QSMNET_BIDS_TEST_IMAGE', '')
CONTAINER = os.environ.get('QSMNET_BIDS_TEST_CONTAINER') or 'docker'
SIF = os.environ.get('QSMNET_BIDS_TEST_SIF', '')
APPTAINER = os.environ.get('QSMNET_BIDS_TEST_APPTAINER') or 'apptainer'
TMP = '/tmp'  # noqa: S108 -- the container's own

Run = Callable[..., subprocess.CompletedProcess[str]]


def mounts(option: str, places: Mapping[str, Path]) -> list[str]:
    """``{'/data:ro': folder}`` as words of the command line."""
    words = []
    for inside, outside in places.items():
        words += [option, f'{outside}:{inside}']
    return words


def call(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=1200)


def run_container(*words, places=None, uid=54321, options=()):
    strict = ['--rm', '--pull', 'never', '--network', 'none', '--read-only', '--cap-drop', 'all',
              '--security-opt', 'no-new-privileges', '--user', f'{uid}:{uid}',
              '--tmpfs', f'{TMP}:rw,size=64m,mode=1777']  # fmt: skip
    if 'podman' in CONTAINER:
        strict.append('--read-only-tmpfs=false')  # as Docker has it
    return call([CONTAINER, 'run', *strict, *mounts('-v', places or {}), *options, IMAGE, *words])


def run_sif(*words, places=None):
    strict = ['--containall', '--cleanenv', '--no-home', '--net', '--network', 'none']
    return call([APPTAINER, 'run', *strict, *mounts('-B', places or {}), SIF, *words])
