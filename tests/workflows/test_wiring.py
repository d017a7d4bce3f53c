"""The check of the wires finds what nipype lets pass."""

import pytest
from nipype.interfaces.utility import IdentityInterface
from nipype.pipeline.engine import Node, Workflow

from qsmnet_bids.interfaces.remove_background import RemoveBackground
from tests.wiring import assert_wired


def field_source(*fields):
    return Node(IdentityInterface(fields=list(fields)), name='source')


def test_complete_graph_passes():
    names = ('field', 'noise', 'mask', 'fingerprint')
    source = field_source(*names)
    removal = RemoveBackground(voxel_size=(1.0, 1.0, 1.0), b0_dir=(0.0, 0.0, 1.0))
    workflow = Workflow('wf')
    wires = [(name, name) for name in names]
    workflow.connect([(source, Node(removal, name='removal'), wires)])
    assert_wired(workflow)


def test_mandatory_input_without_source_is_found():
    workflow = Workflow('wf')
    workflow.connect(field_source('field'), 'field', Node(RemoveBackground(), name='rm'), 'field')
    with pytest.raises(AssertionError, match="'voxel_size' is mandatory"):
        assert_wired(workflow)


def test_wire_to_an_undeclared_field_is_found():
    source, sink = field_source('field'), Node(IdentityInterface(fields=['chi']), name='sink')
    workflow = Workflow('wf')
    workflow.connect(source, 'field', sink, 'local')  # nipype says nothing
    with pytest.raises(AssertionError, match="no input 'local'"):
        assert_wired(workflow)
