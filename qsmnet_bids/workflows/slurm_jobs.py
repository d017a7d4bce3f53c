"""Jobs of Slurm: what each step asks for, and how one notes its end."""

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from nipype.pipeline.engine import Node

from qsmnet_bids.errors import SettingsError
from qsmnet_bids.workflows.memory import VOLUMES

HEADROOM = 1.25
"""Memory of a job relative to the step's estimate; a job that takes more is killed."""

LEAST_GB = 1.0
"""Of a job: what a step imports is not shared between jobs."""

STEPS = (*VOLUMES, 'first_background', 'first_inversion', 'write_figures')
"""Names of steps, for those that a run may have."""

DEFAULTS = {'--mem': ('--mem',), '--cpus-per-task': ('--cpus-per-task', '-c')}
"""What each job asks for by itself, and how the user may have said it for all jobs."""


def check_steps(steps: object, *, nodes: Iterable[str]) -> None:
    """Refuse options for steps that there never are.

    Parameters
    ----------
    steps
        As the plugin file has them: options of ``sbatch`` by the name of a step.
    nodes
        Names of the nodes that there are.
    """
    names = {*STEPS, *nodes}
    if not isinstance(steps, dict) or not all(isinstance(words, str) for words in steps.values()):
        raise SettingsError("plugin_args: steps: expected lines like 'invert_dipole: --mem=16G'")
    unknown = [name for name in steps if name not in names]
    if unknown:
        raise SettingsError(
            f"plugin_args: steps: no step is called '{unknown[0]}'; there are: "
            f'{", ".join(sorted(names))}'
        )


def check_paths(paths: Iterable[Path]) -> None:
    """Refuse paths that Nipype would not quote.

    Parameters
    ----------
    paths
        That enter a command line.
    """
    for path in paths:
        if re.search(r"""[\s'"$`\\;&|<>()*?]""", str(path)):
            raise SettingsError(
                f"{path}: Nipype's plugins for Slurm do not quote paths; expected one without "
                'spaces and signs that a shell reads'
            )


def arguments_of(node: Node, *, common: str, steps: Mapping[str, str]) -> str:
    """Write what a step's job asks for, in addition to what all ask for.

    Parameters
    ----------
    node
        Of the step.
    common
        Options of all jobs; where they have memory or processors, these are not set here.
    steps
        Further options by the name of a step; of two that contradict, Slurm takes the last.
    """
    given = {word.partition('=')[0] for word in common.split()}
    megabytes = math.ceil(1024 * max(LEAST_GB, HEADROOM * node.mem_gb))
    values = {'--mem': f'{megabytes}M', '--cpus-per-task': str(node.n_procs)}
    words = [f'{name}={values[name]}' for name in values if not given & {*DEFAULTS[name]}]
    name = node.name if node.name in steps else re.sub(r'_\d+$', '', node.name)
    return ' '.join([*words, steps.get(name, '')]).strip()


def template_with_end(template: str, *, folder: Path, name: str) -> str:
    """Let a job note its exit code when it ends, unless it is killed at once.

    Parameters
    ----------
    template
        The beginning of the job's script.
    folder
        For the notes.
    name
        Of the note; may hold variables of the shell.
    """
    note = f"trap 'code=$?; echo $code >{folder}/{name}' EXIT"
    return '\n'.join([template.rstrip('\n'), "trap 'exit 143' TERM", note])


def exit_code(folder: Path, name: str) -> int | None:
    """Read what a job noted.

    Parameters
    ----------
    folder, name
        Of the note.

    Returns
    -------
        None if it noted nothing.
    """
    try:
        return int((folder / name).read_text())
    except (OSError, ValueError):
        return None
