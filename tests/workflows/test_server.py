"""The server from which workers are forked."""

import os
import signal
import subprocess
import sys
import time

import pytest

SCRIPT = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from qsmnet_bids.workflows.server import start_server
start_server()
assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
print('started', flush=True)
try:
    time.sleep(60)
except KeyboardInterrupt:
    print('ended', flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize('seconds', [0.0, 0.5, 2.0])
def test_ctrl_c_while_the_server_imports_shows_no_traceback(seconds):
    process = subprocess.Popen(
        [sys.executable, '-c', SCRIPT],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout.readline() == 'started\n'
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=200)  # the server has the same output
    assert said == 'ended\n'
