"""Check a graph's wires: nipype takes a wire to a field that does not exist without a word."""

from nipype.interfaces.base import isdefined
from nipype.pipeline.engine import Workflow


def assert_wired(workflow: Workflow) -> None:
    """Raise unless every wire ends at declared fields and every mandatory input has a source."""
    graph = workflow._create_flat_graph()
    problems = []
    for source, destination, data in graph.edges(data=True):
        for output, target in data['connect']:
            name = output if isinstance(output, str) else output[0]
            if name not in (source.outputs.copyable_trait_names()):
                problems.append(f'{source.fullname} has no output {name!r}')
            if target not in destination.inputs.copyable_trait_names():
                problems.append(f'{destination.fullname} has no input {target!r}')
    for node in graph.nodes():
        connected = {
            target for *_, data in graph.in_edges(node, data=True) for _, target in data['connect']
        }
        problems += [
            f'{node.fullname}: {name!r} is mandatory and has no source'
            for name in node.inputs.traits(mandatory=True)
            if name not in connected and not isdefined(getattr(node.inputs, name))
        ]
    assert not problems, '\n'.join(problems)
