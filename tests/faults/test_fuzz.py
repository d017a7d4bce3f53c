"""Random headers, bytes and sidecars: a problem report or a result, never another exception.

``FAULTS_EXAMPLES=5000 pytest tests/faults/test_fuzz.py`` tries more of each kind.
"""

import gzip
import json
import os

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qsmnet_bids.bidsio.image_checks import check_grid, check_values
from qsmnet_bids.bidsio.metadata import SidecarReader
from qsmnet_bids.bidsio.metadata_checks import (
    echo_times,
    field_strength,
    phase_scale,
    phase_sign,
    shared_metadata,
    stated_b0_dir,
)
from qsmnet_bids.bidsio.scan import scan
from qsmnet_bids.errors import InputError

pytestmark = pytest.mark.filterwarnings('ignore:.*:RuntimeWarning')
N_EXAMPLES = int(os.environ.get('FAULTS_EXAMPLES', '300'))
often = settings(
    max_examples=N_EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
SHAPE = (16, 17, 18)
WHOLE = nib.Nifti1Image(
    np.linspace(-3, 3, int(np.prod(SHAPE)), dtype=np.float32).reshape(SHAPE), np.eye(4)
).to_bytes()


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('fuzz')


def judge(path):
    """Read an image and judge it as preflight does; give whether it was refused."""
    try:
        found = scan(path)
    except InputError as error:
        problems = error.problems
    else:
        problems = check_grid([found, found], '01') + check_values([found], [found], '01')
    for problem in problems:
        assert problem.file
        assert problem.field
        assert problem.found
        assert problem.remedy
    return bool(problems)


@often
@given(
    changes=st.lists(
        st.tuples(st.integers(0, 351), st.binary(min_size=1, max_size=8)), min_size=1, max_size=6
    ),
    is_packed=st.booleans(),
)
def test_header(folder, changes, is_packed):
    data = bytearray(WHOLE)
    for position, piece in changes:
        data[position : position + len(piece)] = piece
    path = folder / ('image.nii.gz' if is_packed else 'image.nii')
    path.write_bytes(gzip.compress(bytes(data), 1) if is_packed else bytes(data))
    judge(path)


def numbers(key):
    field = nib.Nifti1Header()[key]
    kind = field.dtype
    if kind.kind == 'f':
        value = st.floats(width=32)
    elif kind.kind in 'iu':
        value = st.integers(int(np.iinfo(kind).min), int(np.iinfo(kind).max))
    else:
        value = st.binary(max_size=kind.itemsize)
    many = st.lists(value, min_size=field.size, max_size=field.size)
    return st.tuples(st.just(key), many if field.ndim else value)


@often
@given(
    fields=st.lists(st.sampled_from(list(nib.Nifti1Header().keys())).flatmap(numbers), max_size=5),
    is_packed=st.booleans(),
)
def test_header_fields(folder, fields, is_packed):
    header = nib.Nifti1Header(WHOLE[:348], check=False)
    for key, value in fields:
        header[key] = value
    data = header.binaryblock + WHOLE[348:]
    path = folder / ('fields.nii.gz' if is_packed else 'fields.nii')
    path.write_bytes(gzip.compress(data, 1) if is_packed else data)
    judge(path)


@often
@given(data=st.binary(max_size=600), is_packed=st.booleans())
def test_bytes(folder, data, is_packed):
    path = folder / ('bytes.nii.gz' if is_packed else 'bytes.nii')
    path.write_bytes(gzip.compress(data, 1) if is_packed else data)
    assert judge(path)


KEYS = ('EchoTime', 'MagneticFieldStrength', 'Units', 'B0_dir', 'Manufacturer', 'FlipAngle')
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**300, 10**400)
    | st.floats()
    | st.text(max_size=9)
    | st.sampled_from(['rad', 'arbitrary', 3, 0.012, 'GE'])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
SIDECARS = st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), VALUES, max_size=8)


@often
@given(contents=st.lists(SIDECARS, min_size=4, max_size=4))
def test_sidecars(folder, contents):
    anat = folder / 'sub-01' / 'anat'
    anat.mkdir(parents=True, exist_ok=True)
    image = folder / 'phase.nii.gz'
    if not image.exists():
        image.write_bytes(gzip.compress(WHOLE))
    names = [f'sub-01_echo-{e}_part-{p}_MEGRE' for e in (1, 2) for p in ('mag', 'phase')]
    images = [anat / f'{name}.nii.gz' for name in names]
    for path, content in zip(images, contents, strict=True):
        path.with_name(path.name[:-7] + '.json').write_text(json.dumps(content))
    reader = SidecarReader(folder)
    fields = {path: reader.read(path) for path in images}
    phase = scan(image)
    calls = (
        lambda: echo_times([images[:2], images[2:]], fields),
        lambda: field_strength(fields, None),
        lambda: field_strength(fields, 3.0),
        lambda: stated_b0_dir(fields),
        lambda: phase_scale([phase], {phase.path: fields[images[1]]}),
    )
    for problem in (each for call in calls for each in problems_of(call)):
        assert problem.file
        assert problem.found
        assert problem.remedy
    assert phase_sign(fields, None)[0] in (1, -1)
    json.dumps(shared_metadata(fields))


def problems_of(call):
    try:
        call()
    except InputError as error:
        return error.problems
    return ()


@often
@given(data=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_bytes_of_a_sidecar(folder, data):
    other = folder / 'sub-02' / 'anat'
    other.mkdir(parents=True, exist_ok=True)
    (other / 'sub-02_MEGRE.json').write_bytes(data)
    try:
        content = SidecarReader(folder).read(other / 'sub-02_MEGRE.nii.gz')
    except InputError as error:
        (problem,) = error.problems
        assert problem.field in ('content', 'file')
    else:
        assert isinstance(content, dict)
