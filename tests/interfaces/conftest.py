"""One simulated run, as nodes and as functions see it."""

import pytest

from qsmnet_bids.bidsio.images import load_multi_echo
from qsmnet_bids.interfaces.mask_run import MaskRun
from qsmnet_bids.interfaces.specs import ECHOES
from qsmnet_bids.interfaces.volumes import save_echoes
from tests.acquisitions import write_acquisition


@pytest.fixture(scope='session')
def acquisition(tmp_path_factory):
    return write_acquisition(tmp_path_factory.mktemp('bids'))


@pytest.fixture
def echo_inputs(acquisition):
    """The inputs of a node that reads the run."""
    inputs = {name: getattr(acquisition, name) for name in ECHOES}
    inputs |= {key: [str(path) for path in inputs[key]] for key in ('magnitude', 'phase')}
    return inputs | {'echo_times': list(acquisition.echo_times)}


@pytest.fixture
def loaded_inputs(tmp_path_factory, echo_inputs, echoes):
    """The inputs of a node that gets the run from the first one."""
    folder = str(tmp_path_factory.mktemp('loaded'))
    files = save_echoes(echoes, MaskRun(**echo_inputs).inputs, folder)
    names = ('echo_times', 'b0', 'b0_dir', 'voxel_size')
    return files | {name: echo_inputs[name] for name in names}


@pytest.fixture
def geometry(acquisition):
    return {
        'voxel_size': acquisition.voxel_size,
        'b0_dir': acquisition.b0_dir,
        'fingerprint': 'of what comes before',
    }


@pytest.fixture(scope='session')
def echoes(acquisition):
    values = {name: getattr(acquisition, name) for name in ECHOES}
    return load_multi_echo(values.pop('magnitude'), values.pop('phase'), **values)
