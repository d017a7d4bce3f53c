"""The whole command line on a tiny dataset: what is written, what is said, and the exit code."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import psutil
import pytest

from qsmnet_bids.cli.parser import parse_arguments
from qsmnet_bids.cli.run import main

ROOT = Path(__file__).parents[2]
RUN = [sys.executable, str(ROOT / 'run.py')]
METHOD = ['--inversion', 'tikhonov']
"""Whatever the default may be: closed form, and quick."""


def call(raw, *words, levels=('participant',)):
    """Start the app as a user does, in a process of its own."""
    folder = raw.parent
    command = [*RUN, str(raw), str(folder / 'out'), *levels, *METHOD]
    command += ['-w', str(folder / 'work'), *words]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=folder, env=_environment()
    )


def _environment():
    return {**os.environ, 'OMP_NUM_THREADS': '1'}


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob('*') if path.is_file())


@pytest.mark.parametrize(
    ('line', 'said'),
    [
        ('{0} {0}/out', 'analysis_level'),
        ('{0} {0}/out participant --inversion magic', "choose from 'dipolenet'"),
        ('{0} {0} participant', 'output_dir is bids_dir'),
        (
            '{0} {0}/../out participant --inversion tikhonov --set tkd.x=1',
            '--set tkd: no stage uses this method',
        ),
        (
            '{0} {0}/../out participant --inversion tikhonov --set tikhonov.x=1',
            'tikhonov has: alpha',
        ),
        ('{0} {0}/../out participant --participant-label 07', 'there are: 01, 02'),
        ('{0} {0}/../out participant --device cuda:63', 'torch finds'),
    ],
)
def test_wrong_arguments(raw, tmp_path, monkeypatch, capsys, line, said):
    monkeypatch.chdir(tmp_path)
    assert main(line.format(raw).split()) == 2
    assert said in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ['raw']


def test_dry_run_tells_all_and_writes_nothing(raw, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    before = files(tmp_path)
    assert main([str(raw), str(tmp_path / 'out'), 'participant', '--dry-run']) == 0
    shown = capsys.readouterr().out
    for words in ('sub-01', '2 echoes at 5, 12 ms', 'B0 3 T along 0 0 1', 'voxels 2 x 2 x 2 mm'):
        assert words in shown
    for method in ('combined', 'best_path', 'weighted_mean', 'lbv', 'reference mask'):
        assert method in shown
    assert shown.splitlines()[-1] == 'qsmnet-bids: 2/2 runs can be processed'
    assert files(tmp_path) == before


def test_dry_run_with_a_bad_subject_lists_all_its_problems(raw, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    spoil(raw)
    assert main([str(raw), str(tmp_path / 'out'), 'participant', '-n']) == 1
    shown = capsys.readouterr().out
    assert 'sub-01: 3 problems' in shown
    assert shown.count('milliseconds?') == 2
    assert 'damaged or cut off' in shown
    assert shown.splitlines()[-1] == 'qsmnet-bids: 1/2 runs can be processed'


def test_group_of_nothing(raw, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'out').mkdir()
    assert main([str(raw), str(tmp_path / 'out'), 'group']) == 1
    assert 'run the participant level first' in capsys.readouterr().out


def test_no_run_says_what_was_sought(raw, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for path in raw.rglob('*MEGRE.nii.gz'):
        path.unlink()
    assert main([str(raw), str(tmp_path / 'out'), 'participant']) == 1
    assert 'no multi-echo gradient-echo run found' in capsys.readouterr().out
    assert not (tmp_path / 'out').exists()


def spoil(raw):
    """Cut a file of the first subject off, and give an echo time in milliseconds."""
    image = raw / 'sub-01' / 'anat' / 'sub-01_echo-2_part-phase_MEGRE.nii.gz'
    image.write_bytes(image.read_bytes()[:2000])
    for sidecar in (raw / 'sub-01' / 'anat').glob('*echo-1*.json'):
        sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {'EchoTime': 5.0}))


@pytest.mark.slow
def test_both_levels_then_again_from_the_work_folder(raw):
    out = raw.parent / 'out'
    words = ['--save-fields', '--write-graph', '--participant-label', '01', '02']
    done = call(raw, *words, levels=('participant', 'group'))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == 'qsmnet-bids: 2/2 runs done'
    assert re.search(r'^sub-01 fieldmap \d+\.\d s$', done.stdout, re.MULTILINE)
    written = files(out)
    for name in (
        'dataset_description.json',
        '.bidsignore',
        'sub-01.html',
        'sub-02.html',
        'group.html',
        'group_megre.tsv',
        'logs/CITATION.md',
        'logs/CITATION.bib',
        'logs/CITATION.html',
        'logs/CITATION.tex',
        'logs/graph.dot',
        'sub-01/anat/sub-01_desc-tikhonov_Chimap.nii.gz',
        'sub-01/anat/sub-01_desc-brain_mask.nii.gz',
        'sub-02/anat/sub-02_R2starmap.nii.gz',
        'sub-02/fmap/sub-02_desc-local_fieldmap.nii.gz',
    ):
        assert name in written
    chi = nib.load(out / 'sub-01' / 'anat' / 'sub-01_desc-tikhonov_Chimap.nii.gz').get_fdata()
    assert chi[24, 19, 18] > 0.1  # the paramagnetic ball
    assert chi[20, 19, 18] < chi[24, 19, 18] - 0.1  # the diamagnetic one

    # docs/outputs.md names every key and every file
    outputs = (ROOT / 'docs' / 'outputs.md').read_text()
    sidecar = json.loads((out / 'sub-01/anat/sub-01_desc-tikhonov_Chimap.json').read_text())
    for key in [*sidecar, *sidecar['QualityMeasures'], *sidecar['Steps'][0]]:
        assert f'`{key}`' in outputs, key
    for path in (out / 'sub-01').rglob('*.nii.gz'):
        name = path.name.replace('tikhonov', 'dipolenet')  # the default, by which it tells of all
        assert f'`{path.parent.name}/{name}`' in outputs, path

    # the saved settings mean the same as the words
    (saved,) = (out / 'logs').glob('*.toml')
    folders = [str(raw), str(out), 'participant', 'group']
    again = parse_arguments([*folders, '--config-file', str(saved)])
    assert again == parse_arguments([*folders, *METHOD, '-w', str(raw.parent / 'work'), *words])

    # a second call computes nothing, and writes again what was lost
    (out / 'sub-01' / 'anat' / 'sub-01_desc-tikhonov_Chimap.nii.gz').unlink()
    done = call(raw)
    assert done.returncode == 0
    assert done.stdout.count('kept from before') == 10
    assert np.array_equal(
        nib.load(out / 'sub-01' / 'anat' / 'sub-01_desc-tikhonov_Chimap.nii.gz').get_fdata(), chi
    )

    # reports come anew without any compute
    (out / 'sub-02.html').unlink()
    done = call(raw, '--reports-only')
    assert done.stdout.splitlines() == ['qsmnet-bids: 2 reports written']
    assert (out / 'sub-02.html').is_file()


@pytest.mark.slow
def test_good_subject_goes_on_beside_a_bad_one(raw):
    spoil(raw)
    done = call(raw)
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert lines[0] == 'sub-01: 3 problems'
    assert lines[-1] == 'qsmnet-bids: 1/2 runs done'
    assert lines[-2].startswith('FAILED sub-01: check of the input: ')
    assert 'sub-01_echo-2_part-phase_MEGRE.nii.gz: data: damaged or cut off' in lines[-2]
    assert 'damaged or cut off' in (raw.parent / 'out' / 'sub-01.html').read_text()
    assert (raw.parent / 'out' / 'sub-02' / 'anat' / 'sub-02_desc-tikhonov_Chimap.json').is_file()


@pytest.mark.slow
def test_stage_that_fails_is_named_with_cause_and_crash_file(raw):
    words = ('--background', 'vsharp', '--set', 'vsharp.max_radius=0.5')
    done = call(raw, *words, levels=('participant', 'group'))
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert lines[-1] == 'qsmnet-bids: 0/2 runs done'
    for line, name in zip(lines[-3:-1], ('sub-01', 'sub-02'), strict=True):
        found = re.fullmatch(rf'FAILED {name}: background: .*max_radius 0\.5.* \((.*)\)', line)
        assert found is not None, line
        assert 'Traceback' in Path(found[1]).read_text()
        assert 'max_radius 0.5' in (raw.parent / 'out' / f'{name}.html').read_text()


def interrupt(raw, number):
    """Start a run, send it a signal after its first step, and return its end."""
    folder = raw.parent
    command = [*RUN, str(raw), str(folder / 'out'), 'participant', *METHOD]
    command += ['-w', str(folder / 'work')]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=folder, env=_environment()
    ) as process:
        while not process.stdout.readline().startswith('sub-'):
            assert process.poll() is None, 'a step is done, so that workers are there'
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
        rest = process.stdout.read()
        code = process.wait()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert children
    assert not alive
    assert not list((folder / 'out').rglob('.*.tmp'))
    return code, rest.splitlines()[-1]


@pytest.mark.slow
def test_termination_ends_workers_and_the_same_command_resumes(raw):
    assert interrupt(raw, signal.SIGTERM) == (
        143,
        'qsmnet-bids: ended by SIGTERM; the same command resumes it',
    )
    done = call(raw)
    assert done.returncode == 0, done.stdout
    assert 'kept from before' in done.stdout


@pytest.mark.slow
def test_interrupt_ends_workers(raw):
    assert interrupt(raw, signal.SIGINT) == (
        130,
        'qsmnet-bids: ended by Ctrl-C; the same command resumes it',
    )
