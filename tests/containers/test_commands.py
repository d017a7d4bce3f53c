"""What the image does, by Docker or Podman and by Apptainer."""

import json
import shutil

import nibabel as nib
import numpy as np
import pytest

pytestmark = pytest.mark.slow


def succeeded(done):
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_without_arguments_it_helps(image):
    done = image()
    helped = image('--help')
    assert succeeded(helped).startswith('usage: qsmnet-bids ')
    assert done.stdout + done.stderr != ''


def test_says_its_version(image):
    assert succeeded(image('--version')).startswith('qsmnet-bids ')


@pytest.mark.parametrize('command', ['phantom', 'stage', 'slurm', 'train'])
def test_other_commands_are_inside(image, command):
    assert command in succeeded(image(command, '--help'))


def test_no_shell_reads_the_arguments(image, folder):
    done = image('/data/$(id -u)', '/out', 'participant', places={'/out': folder('out')})
    assert done.returncode == 2
    assert '/data/$(id -u)' in done.stdout + done.stderr


def test_app_writes_maps_and_the_group_page_from_data_that_are_read_only(
    image, dataset, folder, request
):
    out, work = folder('out'), folder('work')
    before = {path: path.stat().st_mtime_ns for path in dataset.rglob('*')}
    places = {'/data:ro': dataset, '/out': out, '/work': work}
    words = ['/data', '/out', '--work-dir', '/work', '--inversion', 'tkd']
    assert '1/1 runs done' in succeeded(image(*words, 'participant', places=places))
    succeeded(image(*words, 'group', places=places))
    assert (out / 'group.html').is_file()
    (sidecar,) = out.glob('sub-01/anat/*_Chimap.json')
    chi = nib.load(str(sidecar).replace('.json', '.nii.gz')).get_fdata()
    assert np.isfinite(chi).all()
    assert 0.005 < chi[chi != 0].std() < 0.5
    description = json.loads((out / 'dataset_description.json').read_text())
    kind = 'apptainer' if 'sif' in request.node.callspec.id else 'docker'
    assert description['GeneratedBy'][0]['Container']['Type'] == kind
    assert {path: path.stat().st_mtime_ns for path in dataset.rglob('*')} == before


@pytest.mark.parametrize(
    ('output', 'work'), [('/data/derivatives/x', '/out/work'), ('/out', '/nowhere/work')]
)
def test_folder_that_cannot_be_made_is_refused_in_a_sentence(image, dataset, folder, output, work):
    places = {'/data:ro': dataset, '/out': folder('out')}
    done = image('/data', output, 'participant', '-w', work, places=places)
    refused = '/nowhere' if output == '/out' else output
    assert (done.returncode, 'FAILED' in done.stdout) == (1, False), done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith(f'qsmnet-bids: {refused}: Read-only')


def test_stage_runs_on_plain_files(image, dataset, folder):
    truth, case, result = (
        dataset / 'derivatives' / 'truth' / 'sub-01',
        folder('case'),
        folder('result'),
    )
    shutil.copy(truth / 'fmap' / 'sub-01_desc-local_fieldmap.nii.gz', case / 'localfield.nii.gz')
    shutil.copy(truth / 'anat' / 'sub-01_desc-truth_mask.nii.gz', case / 'mask.nii.gz')
    facts = {'TE': [0.02], 'B0': 3.0, 'B0_dir': [0.0, 0.0, 1.0], 'voxel_size': [4.0, 4.0, 4.0]}
    (case / 'params.json').write_text(json.dumps(facts))
    words = ['stage', 'dipole', '--method', 'tkd', '--input', '/case', '--output', '/result']
    succeeded(image(*words, places={'/case:ro': case, '/result': result}))
    inside = nib.load(case / 'mask.nii.gz').get_fdata() > 0
    chi = nib.load(result / 'chimap.nii.gz').get_fdata()[inside]
    true = nib.load(truth / 'anat' / 'sub-01_desc-truth_Chimap.nii.gz').get_fdata()[inside]
    assert np.corrcoef(chi, true)[0, 1] > 0.8


def test_simulates_a_dataset(image, folder):
    place = folder('in')
    size = ['--voxel-size', '8', '8', '8']
    succeeded(image('phantom', '/in/raw', *size, places={'/in': place}))
    assert len(list(place.glob('raw/sub-01/anat/*_MEGRE.nii.gz'))) == 8


def test_trains_by_a_recipe_of_the_user(image, folder):
    recipes, run = folder('recipes'), folder('run')
    lines = ['extends = "deepqsm-first"', 'batch_size = 1', 'validation_samples = 1']
    (recipes / 'mine.toml').write_text('\n'.join(lines))
    words = ['train', '/recipes/mine.toml', '--steps', '1', '--run-dir', '/run/first']
    places = {'/recipes:ro': recipes, '/run': run}
    done = image(*words, places=places)
    assert (done.returncode, 'step 1/1' in done.stderr) == (0, True), done.stdout + done.stderr
    assert (run / 'first' / 'checkpoint.pt').is_file()
