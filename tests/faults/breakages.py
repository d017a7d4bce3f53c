"""Ways to break a dataset: each takes it and breaks its subject 01.

``BREAKAGES`` holds them by name, with the fields that the problem may name, ``REFUSED`` where all
of the dataset is refused, and ``HARMLESS`` what must be read as if nothing were wrong.
"""

import gzip
import math
import os
from collections.abc import Callable
from functools import partial

import nibabel as nib
import numpy as np

from tests.bidsio.conftest import AFFINE, SHAPE, Dataset

Breakage = Callable[[Dataset], None]
RUN = 'sub-01'


def image(dataset, part='phase', echo=2):
    return dataset.image(RUN, echo, part)


def rewrite(dataset, change, part='phase', affine=AFFINE):
    path = image(dataset, part)
    array = np.asarray(nib.load(path).dataobj)
    dataset.write_image(path, change(array), affine)


def truncate(dataset, *, fraction, part='phase', compressed=True):
    path = image(dataset, part)
    data = path.read_bytes()
    if not compressed:
        path.unlink()
        path, data = path.with_suffix(''), gzip.decompress(data)
    path.write_bytes(data[: int(fraction * len(data))])


def flip(dataset, *, seed, part='phase'):
    random = np.random.default_rng(seed)
    path = image(dataset, part)
    data = bytearray(path.read_bytes())
    for position in random.integers(0, len(data), 20):
        data[position] ^= int(random.integers(1, 256))
    path.write_bytes(data)


def header(dataset, **fields):
    path = image(dataset)
    data = bytearray(gzip.decompress(path.read_bytes()))
    made = nib.Nifti1Header(bytes(data[:348]), check=False)
    for key, value in fields.items():
        made[key] = value
    data[:348] = made.binaryblock
    path.write_bytes(gzip.compress(data))


def sidecar(dataset, text, part='phase'):
    dataset.sidecar(RUN, 2, part).write_bytes(text if isinstance(text, bytes) else text.encode())


def fields(dataset, part=('phase',), echo=(2,), **changes):
    dataset.edit_sidecars(RUN, part, echo, **changes)


def inherited(dataset, **content):
    dataset.write_json('sub-01_MEGRE.json', content)


def rename(dataset, old, new, parts=('mag', 'phase')):
    for path in sorted((dataset.root / RUN / 'anat').iterdir()):
        if any(f'part-{part}' in path.name for part in parts):
            path.rename(path.with_name(path.name.replace(old, new)))


def replaced(dataset, make, part='phase'):
    path = image(dataset, part)
    path.unlink()
    make(path)


def spoil(array, value):
    array = array.copy()
    array[3:5, 4, 5] = value
    return array


def no_sidecar(dataset):
    dataset.sidecar(RUN, 2, 'phase').unlink()


def description(dataset, text):
    (dataset.root / 'dataset_description.json').write_text(text)


DATA, FILE, SHAPED, CONTENT = {'data'}, {'file'}, {'shape', 'data'}, {'content'}
ECHO, TIME, TESLA = {'echo', 'EchoTime'}, {'EchoTime'}, {'MagneticFieldStrength'}

BREAKAGES: dict[str, tuple[Breakage, set[str]]] = {
    'image missing': (lambda d: image(d).unlink(), ECHO),
    'magnitude missing': (lambda d: image(d, 'mag').unlink(), ECHO),
    'empty': (lambda d: image(d).write_bytes(b''), FILE),
    'empty gzip': (lambda d: image(d).write_bytes(gzip.compress(b'')), DATA),
    'text': (lambda d: image(d).write_text('<html>404</html>'), DATA),
    'gzip of text': (lambda d: image(d).write_bytes(gzip.compress(b'hello' * 100)), DATA),
    **{
        f'cut at {n / 10 + 0.05:.0%} of {kind}': (
            partial(truncate, fraction=n / 10 + 0.05, compressed=kind == '.nii.gz'),
            DATA,
        )
        for n in range(10)
        for kind in ('.nii.gz', '.nii')
    },
    'cut by one byte': (partial(truncate, fraction=0.99999), DATA),
    'magnitude cut': (partial(truncate, fraction=0.5, part='mag'), DATA),
    **{f'bytes flipped {seed}': (partial(flip, seed=seed), DATA) for seed in range(10)},
    'other shape': (partial(rewrite, change=lambda a: a[:-1]), SHAPED),
    'transposed': (partial(rewrite, change=lambda a: a.transpose(2, 0, 1)), SHAPED),
    'slice': (partial(rewrite, change=lambda a: a[..., 0]), SHAPED),
    'four axes': (partial(rewrite, change=lambda a: np.stack([a, a], 3)), SHAPED),
    'five axes': (partial(rewrite, change=lambda a: np.stack([a, a], 3)[..., None, :]), SHAPED),
    'header of huge shape': (partial(header, dim=[3, 32767, 32767, 32767, 1, 1, 1, 1]), DATA),
    'header of no voxels': (partial(header, dim=[3, 0, 17, 18, 1, 1, 1, 1]), SHAPED),
    'header of negative shape': (partial(header, dim=[3, -16, 17, 18, 1, 1, 1, 1]), SHAPED),
    'header of no axes': (partial(header, dim=[0] * 8), SHAPED),
    'unknown data type': (partial(header, datatype=999), DATA),
    'colours': (partial(header, datatype=128, bitpix=24), {'data type', 'data'}),
    'offset past the end': (partial(header, vox_offset=1e9), DATA),
    'slope huge': (partial(header, scl_slope=3e38, scl_inter=0), {'phase range', 'Units', 'data'}),
    'complex': (partial(rewrite, change=lambda a: a.astype(np.complex64)), {'data type'}),
    'whole numbers': (
        partial(rewrite, change=lambda a: a.astype(np.int16)),
        {'phase range', 'Units'} | DATA,
    ),
    'affine of others': (partial(rewrite, change=np.copy, affine=np.eye(4)), {'affine'}),
    'affine singular': (
        partial(header, srow_x=[0] * 4, sform_code=1, qform_code=0),
        {'affine'} | DATA,
    ),
    'affine NaN': (partial(header, srow_x=[math.nan] * 4, sform_code=1), {'affine'} | DATA),
    'NaN': (partial(rewrite, change=partial(spoil, value=math.nan)), DATA),
    'infinity': (partial(rewrite, change=partial(spoil, value=math.inf)), DATA),
    'minus infinity': (partial(rewrite, change=partial(spoil, value=-math.inf), part='mag'), DATA),
    'all NaN': (partial(rewrite, change=lambda a: np.full_like(a, math.nan)), DATA),
    'all zero': (partial(rewrite, change=np.zeros_like), DATA),
    'magnitude all zero': (partial(rewrite, change=np.zeros_like, part='mag'), DATA),
    'constant': (partial(rewrite, change=lambda a: np.full_like(a, 1.5)), DATA),
    'huge phase': (partial(rewrite, change=lambda a: a * 1e30), {'Units', 'phase range'}),
    'huge magnitude': (partial(rewrite, change=lambda a: a * 1e30, part='mag'), DATA),
    'vanishing magnitude': (partial(rewrite, change=lambda a: a * 1e-35, part='mag'), DATA),
    'negative magnitude': (partial(rewrite, change=np.negative, part='mag'), DATA),
    'one huge voxel': (partial(rewrite, change=partial(spoil, value=1e35), part='mag'), DATA),
    'no sidecar': (no_sidecar, TIME | TESLA),
    'sidecar empty': (partial(sidecar, text=''), FILE),
    'sidecar cut': (partial(sidecar, text='{"EchoTime": 0.0'), CONTENT),
    'sidecar a list': (partial(sidecar, text='[0.012]'), CONTENT),
    'sidecar null': (partial(sidecar, text='null'), CONTENT),
    'sidecar deep': (partial(sidecar, text='{"a":' + '[' * 200_000), CONTENT),
    'sidecar deep and whole': (
        partial(sidecar, text='{"a":' + '[' * 100_000 + ']' * 100_000 + '}'),
        CONTENT,
    ),
    'sidecar in UTF-16': (partial(sidecar, text='{"EchoTime": 0.012}'.encode('utf-16')), CONTENT),
    'sidecar of bytes': (partial(sidecar, text=bytes(range(256))), CONTENT),
    'sidecar of huge number': (
        partial(sidecar, text='{"EchoTime": 1' + '0' * 400 + ', "MagneticFieldStrength": 3}'),
        TIME,
    ),
    'sidecar of endless number': (
        partial(sidecar, text='{"EchoTime": ' + '1' * 5000 + '}'),
        CONTENT,
    ),
    **{
        f'{key} {value!r}': (partial(fields, **{key: value}), {key})
        for key, values in {
            'EchoTime': ('0.012', None, True, [0.012], {}, -1, 0, 12, math.nan, math.inf, 1e-320),
            'MagneticFieldStrength': ('3 T', True, [3], {}, -3, 0, 3000, math.nan, 7),
            'Units': ('ppm-less', [], {}, 3),
            'B0_dir': ('z', [0, 0, 0], [0, 0], [1.7e308] * 3, [math.nan, 0, 1], [0, 0, '1'], {}),
        }.items()
        for value in values
        if key != 'Units'
    },
    'echo times of magnitude and phase': (partial(fields, EchoTime=0.013), TIME),
    'inherited in milliseconds': (
        lambda d: (fields(d, remove=('EchoTime',)), inherited(d, EchoTime=12))[0],
        TIME,
    ),
    'inherited invalid': (lambda d: (d.root / 'sub-01_MEGRE.json').write_text('{'), CONTENT),
    'inherited and conflicting': (
        lambda d: (
            fields(d, remove=('MagneticFieldStrength',)),
            inherited(d, MagneticFieldStrength=7),
        )[0],
        TESLA,
    ),
    'label with a dot': (partial(rename, old='sub-01_', new='sub-01_acq-0.8mm_'), {'acq'}),
    'label with a space': (partial(rename, old='sub-01_', new='sub-01_acq-a b_'), {'acq'}),
    'label of other letters': (partial(rename, old='sub-01_', new='sub-01_acq-süß磁_'), {'acq'}),
    'label that climbs': (
        partial(rename, old='sub-01_', new='sub-01_acq-..%2f..%2fetc_'),
        {'acq'},
    ),
    'label of a script': (partial(rename, old='sub-01_', new='sub-01_acq-<script>_'), {'acq'}),
    'label empty': (partial(rename, old='sub-01_', new='sub-01_acq-_'), {'acq'}),
    'entity unknown': (partial(rename, old='sub-01_', new='sub-01_foo-bar_'), {'foo'}),
    'echo not a number': (partial(rename, old='echo-2', new='echo-two', parts=('phase',)), ECHO),
    'echo of a huge number': (partial(rename, old='echo-2', new=f'echo-{10**15}'), ECHO),
    'echo twice': (partial(rename, old='echo-3', new='echo-02', parts=('mag',)), ECHO),
    'echo missing': (partial(rename, old='echo-2', new='echo-7'), ECHO),
    'no phase': (
        lambda d: [path.unlink() for path in (d.root / RUN / 'anat').glob('*phase*')],
        {'part-phase'},
    ),
    'link to nothing': (partial(replaced, make=lambda p: p.symlink_to('nowhere')), FILE),
    'link to itself': (partial(replaced, make=lambda p: p.symlink_to(p.name)), FILE),
    'folder': (partial(replaced, make=lambda p: p.mkdir()), FILE | ECHO),
    'pipe': (partial(replaced, make=os.mkfifo), FILE | ECHO),
    'endless device': (partial(replaced, make=lambda p: p.symlink_to('/dev/zero')), FILE),
    'annexed': (partial(replaced, make=lambda p: p.write_text('/annex/objects/MD5E-s1')), FILE),
}

HARMLESS: dict[str, Breakage] = {
    'slope NaN': partial(header, scl_slope=math.nan, scl_inter=math.inf),
    'fourth axis of one': partial(rewrite, change=lambda a: a[..., None]),
    'sidecar with byte order mark': lambda d: sidecar(
        d, b'\xef\xbb\xbf' + d.sidecar(RUN, 2, 'phase').read_bytes()
    ),
    'unknown fields': partial(fields, Comment={'deep': [1, None]}, Nothing=None),
    'field as whole number': partial(fields, MagneticFieldStrength=3.0),
    'other files': lambda d: (d.root / RUN / 'anat' / 'notes of the day.txt').write_text('x'),
    'stray sidecar': lambda d: d.write_json('sub-01/anat/sub-01_echo-9_MEGRE.json', {'a': 1}),
}

REFUSED: dict[str, Breakage] = {
    'description missing': lambda d: (d.root / 'dataset_description.json').unlink(),
    'description invalid': partial(description, text='{'),
    'description a list': partial(description, text='["Name", "BIDSVersion"]'),
    'description a number': partial(description, text='3'),
    'description null': partial(description, text='null'),
    'description deep': partial(description, text='[' * 100_000),
    'description without name': partial(description, text='{"BIDSVersion": "1.8.0"}'),
}

assert SHAPE == (16, 17, 18)
