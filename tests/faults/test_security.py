"""What comes from outside is data: it runs nothing, leaves no folder and calls nobody."""

import ast
import gzip
import hashlib
import json
import os
import pickle
import re
import shutil
import subprocess
import tracemalloc
from html.parser import HTMLParser
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import SafetensorError

from qsmnet_bids.bidsio.derivatives import derivative_path
from qsmnet_bids.bidsio.scan import scan
from qsmnet_bids.errors import InputError, WeightsError
from qsmnet_bids.reports.group import write_group
from qsmnet_bids.reports.html import write_subject_report
from qsmnet_bids.weights.registry import load_network
from tests.reports.conftest import chimap_sidecar

PACKAGE = Path(__file__).parents[2] / 'qsmnet_bids'
NASTY = '<script>document.title="broken"</script><img src=x onerror="document.title=\'broken\'">'


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize('is_listed', [False, True])
def test_a_pickle_is_refused_even_where_its_card_vouches_for_it(tmp_path, is_listed):
    data = pickle.dumps(Bomb(tmp_path / 'ran'))
    (tmp_path / 'tiny.safetensors').write_bytes(data)
    card = {
        'name': 'tiny',
        'file': 'tiny.safetensors',
        'sha256': hashlib.sha256(data).hexdigest() if is_listed else '0' * 64,
        'network': {'architecture': 'direct', 'features': 2, 'depth': 1},
    }
    (tmp_path / 'tiny.json').write_text(json.dumps(card))
    load_network.cache_clear()
    with pytest.raises(SafetensorError if is_listed else WeightsError):
        load_network('tiny', tmp_path)
    assert not (tmp_path / 'ran').exists()


FORBIDDEN = {
    'eval', 'exec', 'compile', 'os.system', 'os.popen', 'pickle.load', 'pickle.loads',
    'torch.load', 'yaml.load', 'yaml.unsafe_load', 'marshal.loads', 'np.fromfile',
}  # fmt: skip
"""Calls that would run what a file says."""


def test_no_call_runs_what_a_file_says():
    found = []
    for path in PACKAGE.rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            words = {word.arg: ast.unparse(word.value) for word in node.keywords}
            is_shell = words.get('shell') == 'True'
            is_pickle = words.get('allow_pickle') == 'True'
            if ast.unparse(node.func) in FORBIDDEN or is_shell or is_pickle:
                found.append(f'{path.name}:{node.lineno}: {ast.unparse(node.func)}')
    assert found == []


@pytest.mark.parametrize('suffix', ['.nii', '.nii.gz'])
def test_header_that_promises_much_takes_no_memory(tmp_path, suffix):
    header = nib.Nifti1Header()
    header.set_data_shape((30000, 30000, 100))
    header.set_data_dtype(np.float64)
    header['vox_offset'] = 352
    data = header.binaryblock + bytes(1000)
    path = tmp_path / f'image{suffix}'
    path.write_bytes(gzip.compress(data) if suffix == '.nii.gz' else data)
    tracemalloc.start()
    with pytest.raises(InputError):
        scan(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10e6


@given(value=st.text(min_size=1, max_size=12) | st.sampled_from(['..', '../up', '..%2f', '/etc']))
def test_no_label_leads_out_of_the_output(value):
    root = Path('/out')
    for key in ('sub', 'ses', 'acq'):
        try:
            path = derivative_path(root, {'sub': '01', key: value}, suffix='Chimap')
        except ValueError as error:
            assert 'letters and digits' in str(error)  # noqa: PT017 -- most labels pass no further
        else:
            assert Path(os.path.normpath(path)).is_relative_to(root)
            assert len(path.relative_to(root).parts) == 3 + (key == 'ses')


class Tags(HTMLParser):
    """Collects what could run."""

    def __init__(self) -> None:
        super().__init__()
        self.running: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.running += [tag] if tag in ('script', 'iframe', 'object', 'embed') else []
        self.running += [name for name, _ in attrs if name.startswith('on')]
        self.running += [value for _, value in attrs if (value or '').startswith('javascript:')]


def nasty(value):
    """Put a script into every text."""
    if isinstance(value, dict):
        return {key: nasty(each) for key, each in value.items()}
    if isinstance(value, list):
        return [nasty(each) for each in value]
    return NASTY if isinstance(value, str) else value


KEPT = ('Sources', 'Steps', 'QualityMeasures')


@pytest.fixture
def pages(tmp_path):
    """Reports of a run whose sidecar has a script in every text, and of one with such a name."""
    sidecar = chimap_sidecar()
    changed = {key: value if key in KEPT else nasty(value) for key, value in sidecar.items()}
    changed['SeriesDescription'] = NASTY
    changed['Sources'] = [f'bids:raw:{NASTY}']
    for step in changed['Steps']:
        step['warnings'] = [NASTY]
        step['reference'] = NASTY
    folder = tmp_path / 'sub-01' / 'anat'
    folder.mkdir(parents=True)
    name = 'sub-01_run-1_desc-tikhonov_Chimap.json'
    (folder / name).write_text(json.dumps(changed))
    strange = name.replace('run-1', 'acq-<img src=x onerror=alert(1)>')
    (folder / strange).write_text(json.dumps(sidecar))
    return [write_subject_report(tmp_path, '01'), write_group(tmp_path)[1]]


def test_what_sidecars_and_names_say_cannot_run(pages):
    for page in pages:
        tags = Tags()
        tags.feed(page.read_text())
        assert tags.running == []
    assert any('&lt;script&gt;' in page.read_text() for page in pages)


def shown(page, folder):
    """Give the page as Chromium has it after its scripts."""
    done = subprocess.run(
        ['chromium', '--headless', '--no-sandbox', '--disable-gpu', '--dump-dom',
         f'--user-data-dir={folder / "browser"}', page.as_uri()],
        capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip
    assert '<title>' in done.stdout
    return done.stdout


in_chromium = pytest.mark.skipif(
    shutil.which('chromium') is None, reason='chromium is not installed'
)


@pytest.mark.slow
@in_chromium
def test_script_does_not_run_in_a_browser(pages, tmp_path):
    for page in pages:
        assert '<title>broken' not in shown(page, tmp_path)


@pytest.mark.slow
@in_chromium
def test_policy_stops_a_script_that_was_not_escaped(pages, tmp_path):
    for page in pages:
        html = page.read_text().replace('</body>', f'{NASTY}</body>')
        page.write_text(html)
        assert '<title>broken' not in shown(page, tmp_path)
    # without the policy the same script does run
    page.write_text(re.sub('<meta http-equiv="Content-Security-Policy"[^>]*>', '', html))
    assert '<title>broken' in shown(page, tmp_path)
