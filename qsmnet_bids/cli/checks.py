"""What must be there before any work begins, and whether the output is valid BIDS at its end."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from qsmnet_bids.errors import SettingsError

VALIDATOR = 'bids-validator-deno'
MAX_SHOWN = 20


def check_device(name: str) -> None:
    """Raise unless the GPU that is asked for is there.

    A process of its own looks, as this one must not load torch; without a demand there is no look.

    Parameters
    ----------
    name
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    """
    if not name.startswith('cuda'):
        return
    code = 'import torch; print(torch.cuda.device_count() if torch.cuda.is_available() else 0)'
    done = subprocess.run(  # noqa: S603 -- our own words
        [sys.executable, '-W', 'ignore', '-c', code], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SettingsError(f'--device {name}: torch cannot be used: {done.stderr.strip()[-200:]}')
    n_gpus = int(done.stdout)
    if int(name.partition(':')[2] or 0) >= n_gpus:
        found = {0: 'no CUDA device', 1: 'one CUDA device, cuda:0'}
        raise SettingsError(
            f'--device {name}: torch finds {found.get(n_gpus, f"{n_gpus} CUDA devices")}; '
            'expected one that is there, or cpu or auto'
        )


def find_validator() -> Path:
    """Find the validator's program, beside this Python or on the path."""
    beside = Path(sys.executable).with_name(VALIDATOR)
    found = str(beside) if beside.is_file() else shutil.which(VALIDATOR)
    if found is None:
        raise SettingsError(
            f'--validate-output: {VALIDATOR} is not installed; run pip install {VALIDATOR}'
        )
    return Path(found)


def validate(output_dir: Path) -> list[str]:
    """Let the validator check a dataset.

    Parameters
    ----------
    output_dir
        Of the dataset.

    Returns
    -------
        One line for each error, none if it is valid.
    """
    done = subprocess.run(  # noqa: S603 -- our own words
        [str(find_validator()), str(output_dir), '--format', 'json', '--ignoreWarnings'],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return []
    try:
        issues = json.loads(done.stdout)['issues']['issues']
    except (ValueError, KeyError, TypeError):
        return [f'{VALIDATOR} ended with {done.returncode}: {done.stderr.strip()[-500:]}']
    lines = [
        f'{issue.get("location", "")}: {issue.get("code", "")} {issue.get("subCode", "")}'.strip()
        for issue in issues
        if issue.get('severity', 'error') == 'error'
    ]
    if len(lines) > MAX_SHOWN:
        lines[MAX_SHOWN:] = [f'and {len(lines) - MAX_SHOWN} more']
    return lines or [f'{VALIDATOR} ended with {done.returncode}']
