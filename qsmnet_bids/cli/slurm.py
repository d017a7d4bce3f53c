"""``qsmnet-bids-slurm``: a dataset on a cluster, by Slurm or another scheduler."""

import shlex
import sys
from collections.abc import Sequence

from qsmnet_bids.cli import arguments as read
from qsmnet_bids.cli.cluster_plan import Plan, plan_from_arguments
from qsmnet_bids.cli.cluster_scripts import write_folder
from qsmnet_bids.cli.cluster_status import find_states, queue_lines, read_queue, status_lines
from qsmnet_bids.cli.options import Parser
from qsmnet_bids.errors import QsmError, SettingsError

DONE, FAILED, WRONG_ARGUMENTS = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Write the scripts, or tell how far they are.

    Parameters
    ----------
    argv
        Words after the program's name; None for those of this process.

    Returns
    -------
        Exit code: 0 if all is done, 1 if the input is at fault or a subject is not done, 2 for
        wrong arguments.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _status(words[1:]) if words[:1] == ['status'] else _write(words)
    except SettingsError as error:
        sys.stderr.write(f'qsmnet-bids-slurm: {error}\n')
        return WRONG_ARGUMENTS
    except QsmError as error:
        sys.stderr.write(f'qsmnet-bids-slurm: {error}\n')
        return FAILED
    except OSError as error:
        sys.stderr.write(f'qsmnet-bids-slurm: {error.filename}: {error.strerror}\n')
        return FAILED


def _write(words: Sequence[str]) -> int:
    plan = plan_from_arguments(words)
    subjects = _subjects(plan)
    write_folder(plan, subjects)
    submit = shlex.quote(str(plan.folder / 'submit.sh'))
    sys.stdout.write(
        f'qsmnet-bids-slurm: scripts for {len(subjects)} subjects in {plan.folder}\n'
        f'submit them, now and after any failure:  bash {submit}\n'
        f'see how far they are:  qsmnet-bids-slurm status {shlex.quote(str(plan.folder))}\n'
    )
    return DONE


def _subjects(plan: Plan) -> list[str]:
    """Name the subjects that have a run."""
    from qsmnet_bids.bidsio.query import find_runs  # noqa: PLC0415 -- half a second, only now

    settings = plan.settings
    runs = find_runs(
        settings.bids_dir,
        participant_labels=settings.participant_labels,
        session_labels=settings.session_labels,
        filter_file=settings.bids_filter_file,
        database_dir=settings.bids_database_dir,
        validate=not settings.skip_bids_validation,
    )
    return sorted({run.subject for run in runs})


def _status(words: Sequence[str]) -> int:
    parser = Parser(
        prog='qsmnet-bids-slurm status',
        description='Tell how far each subject is; the exit code is 0 if all are done.',
    )
    parser.add_argument('folder', metavar='FOLDER', type=read.existing_dir, help='of the scripts')
    folder = parser.parse_args(words).folder
    if not (folder / 'subjects.txt').is_file():
        raise SettingsError(
            f'{folder}: no subjects.txt; expected a folder of scripts, OUT/code/cluster'
        )
    queue = read_queue(folder)
    states = find_states(folder, queue=queue)
    for line in (*queue_lines(folder, queue=queue), *status_lines(states)):
        sys.stdout.write(f'{line}\n')
    return DONE if all(state.is_done for state in states) else FAILED


if __name__ == '__main__':
    sys.exit(main())
