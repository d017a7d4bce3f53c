"""Run each of nipype's nodes as a job of Slurm, and outlive the jobs that Slurm kills.

nipype 1.11 ends with a ``TypeError`` when a job leaves no result, and its plugin for graphs
neither waits for its jobs nor tells how they ended. Both are mended here, and each job asks for
the memory and the processors that its step needs.
"""

import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from traceback import format_exception

from networkx import DiGraph
from nipype.pipeline.engine import Node
from nipype.pipeline.plugins.base import logger
from nipype.pipeline.plugins.slurm import SLURMPlugin
from nipype.pipeline.plugins.slurmgraph import SLURMGraphPlugin
from nipype.pipeline.plugins.tools import report_crash

from qsmnet_bids.errors import QsmError
from qsmnet_bids.workflows import slurm_jobs, slurm_queue
from qsmnet_bids.workflows.plugin import TRACEBACK_HEADER

Config = dict[str, dict[str, str]]


class SlurmPlugin(SLURMPlugin):  # type: ignore[misc] # nipype has no types
    """Nipype's plugin for Slurm; a job without a result fails its own node and no other.

    Parameters
    ----------
    plugin_args
        As for ``SLURM``, and ``steps``: options of ``sbatch`` by the name of a step.
    """

    _template: str

    def __init__(self, plugin_args: dict[str, object]) -> None:
        super().__init__(plugin_args=plugin_args)
        self._queue = slurm_queue.Queue()
        self._nodes: dict[int, Node] = {}

    def run(self, graph: DiGraph, config: Config, *, updatehash: bool = False) -> None:
        """Run the graph; leave no job in the queue, however it ends.

        Parameters
        ----------
        graph
            Of nodes.
        config
            Of nipype.
        updatehash
            Whether nodes are marked as up to date and not run.
        """
        self._ends = _prepared(graph, self.plugin_args)
        self._template = slurm_jobs.template_with_end(
            self._template, folder=self._ends, name='$SLURM_JOB_ID'
        )
        slower = {**config['execution'], 'poll_sleep_duration': str(slurm_queue.POLL_SECONDS)}
        try:
            super().run(graph, {**config, 'execution': slower}, updatehash=updatehash)
        finally:
            slurm_queue.cancel([str(job) for job in self._pending])

    def _is_pending(self, taskid: int) -> bool:
        return self._queue.holds(taskid)

    def _submit_batchtask(self, scriptfile: str, node: Node) -> int:
        """Submit as nipype does, but with paths quoted, and tell what sbatch says."""
        log = Path(scriptfile).with_name('slurm-%j.out')
        own = _asked_for(node, self.plugin_args)
        options = shlex.split(f'{self.plugin_args.get("sbatch_args", "")} {own}')
        job = slurm_queue.submit(
            [f'--output={log}', f'--job-name={node.fullname}', *options, scriptfile],
            n_tries=1 + self._max_tries,
            pause=self._retry_timeout,
        )
        self._pending[job] = node.output_dir()
        self._nodes[job] = node
        self._queue.add(job)
        return job

    def _get_result(self, taskid: int) -> dict[str, object] | None:
        result: dict[str, object] | None = super()._get_result(taskid)
        if result is None:
            return None
        is_without = isinstance(result['traceback'], str)  # of nipype; those of nodes are lists
        if not is_without and self._exit_code(taskid) == 0:
            return result
        node = self._nodes[taskid]
        log = self._ends.parent / f'slurm-{taskid}.out'
        state = slurm_queue.state_of(taskid)
        cause = _cause(node, f'{taskid}{f", {state}" if state else ""}', log=log)
        return {'result': None, 'traceback': _as_traceback(cause)}

    def _exit_code(self, job: int) -> int | None:
        """Read the job's exit code, which may take a moment to appear on a shared disk."""
        until = time.monotonic() + float(self._config['execution']['job_finished_timeout'])
        while (code := slurm_jobs.exit_code(self._ends, str(job))) is None:
            if time.monotonic() > until:
                break
            time.sleep(0.2)
        return code

    def _report_crash(self, node: Node, result: dict[str, object] | None = None) -> str:
        """Mend what nipype's own report would stumble over: a text in place of lines."""
        if result is not None and isinstance(result['traceback'], str):
            result['traceback'] = result['traceback'].splitlines(keepends=True)
        path: str = super()._report_crash(node, result=result)
        return path


class SlurmGraphPlugin(SLURMGraphPlugin):  # type: ignore[misc] # nipype has no types
    """Nipype's plugin that submits the whole graph at once; here it waits for the end.

    Parameters
    ----------
    plugin_args
        As for ``SLURMGraph``, and ``steps``: options of ``sbatch`` by the name of a step.
    """

    _template: str

    def __init__(self, plugin_args: dict[str, object]) -> None:
        self._callback = plugin_args.get('status_callback')
        super().__init__(plugin_args=plugin_args | {'status_callback': None})

    def run(self, graph: DiGraph, config: Config, *, updatehash: bool = False) -> None:
        """Submit the graph and wait until all jobs have ended.

        Parameters
        ----------
        graph
            Of nodes.
        config
            Of nipype.
        updatehash
            Whether nodes are marked as up to date and not run.
        """
        self._ends = _prepared(graph, self.plugin_args)
        self._template = slurm_jobs.template_with_end(
            self._template, folder=self._ends, name='$SLURM_JOB_NAME'
        )
        self._crash_dir = Path(config['execution']['crashdump_dir'])
        super().run(graph, config, updatehash=updatehash)

    def _submit_graph(
        self, pyfiles: list[str], dependencies: dict[int, list[int]], nodes: list[Node]
    ) -> None:
        errors = self._ends / 'sbatch.err'
        for node in nodes:  # nipype puts this into the lines of a script
            own = _asked_for(node, self.plugin_args)
            node.plugin_args = {'sbatch_args': f' --kill-on-invalid-dep=yes {own} 2>>{errors}'}
        scripts = [path.with_name(f'batchscript_{path.stem}.sh') for path in map(Path, pyfiles)]
        before = set(self._crash_dir.glob('crash-*.txt'))
        try:
            super()._submit_graph(pyfiles, dependencies, nodes)
            slurm_queue.check_refusals(errors)
            waiting = {n for n, script in enumerate(scripts) if script.exists()}
            for number in waiting:
                self._tell(nodes[number], 'start')
            self._wait(waiting, [*map(str, scripts)], nodes)
        except BaseException:
            slurm_queue.cancel(slurm_queue.Queue().of_scripts([*map(str, scripts)]) or [])
            raise
        self._report(waiting, dependencies, nodes, scripts, before=before)

    def _wait(self, waiting: set[int], scripts: Sequence[str], nodes: Sequence[Node]) -> None:
        """Wait until no job is in the queue; tell of those that ended well."""
        told: set[int] = set()
        queue = slurm_queue.Queue()
        jobs: list[str] | None = None
        while jobs != []:
            time.sleep(slurm_queue.POLL_SECONDS)
            jobs = queue.of_scripts(scripts)
            for number in waiting - told:
                if slurm_jobs.exit_code(self._ends, _job_name(number, nodes[number])) == 0:
                    self._tell(nodes[number], 'end')
                    told.add(number)

    def _report(
        self,
        submitted: set[int],
        dependencies: Mapping[int, Sequence[int]],
        nodes: Sequence[Node],
        scripts: Sequence[Path],
        *,
        before: set[Path],
    ) -> None:
        """Write a crash file for each job that left neither a result nor a crash file."""
        codes = {n: slurm_jobs.exit_code(self._ends, _job_name(n, nodes[n])) for n in submitted}
        bad = {number for number, code in codes.items() if code != 0}
        new = set(self._crash_dir.glob('crash-*.txt')) - before
        reported = {path.read_text().partition('\n')[0].removeprefix('Node: ') for path in new}
        for number in sorted(bad):
            if bad & set(dependencies.get(number, ())):
                continue  # was not started, as one before it had failed
            node = nodes[number]
            self._tell(node, 'exception')
            if node.fullname not in reported:
                log = scripts[number].with_name(f'{scripts[number].name}.e')
                cause = _cause(node, _job_name(number, node), log=log)
                report_crash(node, traceback=_as_traceback(cause))
        if bad:
            raise QsmError(f'{len(bad)} jobs did not end well')

    def _tell(self, node: Node, status: str) -> None:
        if callable(self._callback):
            self._callback(node, status)


def _prepared(graph: DiGraph, plugin_args: Mapping[str, object]) -> Path:
    """Check what was asked for, and make the folder in which jobs note that they have ended."""
    nodes: list[Node] = list(graph.nodes())
    slurm_jobs.check_steps(plugin_args.get('steps', {}), nodes=[node.name for node in nodes])
    folder = Path(nodes[0].base_dir) / nodes[0]._hierarchy.split('.')[0] / 'batch'
    ends = folder / f'ends-{datetime.now().astimezone():%Y%m%dT%H%M%S}'
    slurm_jobs.check_paths([ends, Path(sys.executable)])
    ends.mkdir(parents=True, exist_ok=True)
    return ends


def _asked_for(node: Node, plugin_args: Mapping[str, object]) -> str:
    """Write what a node's job asks for beside the options of all jobs, and log it."""
    common, steps = str(plugin_args.get('sbatch_args', '')), plugin_args.get('steps', {})
    own = slurm_jobs.arguments_of(node, common=common, steps=dict(steps))  # type: ignore[call-overload] # checked
    logger.info('%s: sbatch %s %s', node.fullname, common, own)
    return own


def _job_name(number: int, node: Node) -> str:
    """Name a job as nipype's plugin for graphs does."""
    name = f'j{number}_{node._id}'
    return name.replace('-', '_').replace('.', '_').replace(':', '_')


def _cause(node: Node, job: str, *, log: Path) -> str:
    return (
        f'{node.name}: its job ({job}) ended without a result, as when Slurm kills it for memory '
        f'or time; {log} may say more; ask for more by steps: in the plugin file, and the same '
        'command goes on from there'
    )


def _as_traceback(cause: str) -> list[str]:
    return [TRACEBACK_HEADER, *format_exception(QsmError(cause))]
