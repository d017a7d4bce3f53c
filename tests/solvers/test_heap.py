"""Freed blocks stay with the process while an iteration runs, and no longer."""

import ctypes
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from qsmnet_bids.solvers.heap import kept_blocks

HUGE = Path('/sys/kernel/mm/transparent_hugepage/enabled')
pytestmark = [
    pytest.mark.skipif(
        not hasattr(ctypes.CDLL(None), 'malloc_trim'), reason='the C library is not glibc'
    ),
    pytest.mark.skipif(
        HUGE.exists() and '[always]' in HUGE.read_text(), reason='pages are huge ones here'
    ),
]

# in a process of its own, as a heap keeps traces of all that went before
SCRIPT = """
import ctypes, json, re, resource
from qsmnet_bids.solvers.heap import kept_blocks

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
SIZE = 48 * 2**20  # more than glibc keeps of its own accord

def volumes(n=8, size=SIZE):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(n):
        block = libc.malloc(size)
        libc.memset(block, 1, size)
        libc.free(block)
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    return faults * resource.getpagesize() / SIZE

def held():
    found = re.search(r'VmRSS:\\s+(\\d+) kB', open('/proc/self/status').read())
    return 1024 * int(found[1]) / SIZE

told = {'start': held(), 'outside': volumes()}

@kept_blocks()
def iterate():
    with kept_blocks():
        once = volumes()
    return once, volumes(), held()

told['once'], told['again'], told['kept'] = iterate()
told['end'] = held()
volumes(1, 4 * 2**20)
told['small'] = volumes(96, 4 * 2**20)
try:
    with kept_blocks():
        volumes()
        raise ZeroDivisionError
except ZeroDivisionError:
    told['after an error'] = held()
print(json.dumps(told))
"""


def told(**chosen):
    environment = {k: v for k, v in os.environ.items() if not k.startswith('MALLOC_')} | chosen
    ran = subprocess.run(
        [sys.executable, '-c', SCRIPT],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return json.loads(ran.stdout)


def test_the_blocks_of_an_iteration_are_those_before_them_and_go_back_at_its_end():
    found = told()
    # in blocks' sizes: each new one has pages of its own outside, all share theirs inside
    assert found['outside'] > 7.9
    assert found['once'] < 1.1
    assert found['again'] < 0.1
    assert found['kept'] > found['start'] + 0.9
    assert found['end'] < found['start'] + 0.1
    # glibc goes on keeping what is smaller, though its own threshold no longer moves
    assert found['small'] < 1
    assert found['after an error'] < found['start'] + 0.1


def test_what_the_environment_chose_stays():
    found = told(MALLOC_MMAP_MAX_='65536')
    assert found['once'] > 7.9
    assert found['kept'] < found['start'] + 0.1


def test_a_decorated_function_keeps_its_signature():
    @kept_blocks()
    def iterate(field: int, *, alpha: float = 0.5) -> float:
        """Iterate."""
        return field * alpha

    assert iterate(3) == 1.5
    assert iterate.__name__ == 'iterate'
    assert inspect.signature(iterate).parameters['alpha'].default == 0.5
