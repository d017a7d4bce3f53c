"""What will be needed is told before the start, and what would fit where it is not there."""

from dataclasses import replace

import pytest

from qsmnet_bids.cli.estimates import Limits, estimate_lines, limits_of, needs_of
from qsmnet_bids.settings import Settings
from qsmnet_bids.workflows.memory import memory_gb, network_memory_gb
from tests.acquisitions import write_acquisition

HEAD = (256, 256, 176)
INVERSION = memory_gb('invert_dipole', HEAD, n_echoes=3)
WORKSTATION = Limits(64.0, 'free on this machine', n_procs=16)


@pytest.fixture(scope='module')
def small(tmp_path_factory):
    """A run of 28 x 32 x 24 voxels."""
    return write_acquisition(tmp_path_factory.mktemp('bids'))


@pytest.fixture
def head(small):
    """The run as if it were of a whole head."""
    return replace(small, shape=HEAD, entities={'sub': '02'})


@pytest.fixture
def settings(tmp_path):
    return Settings(
        bids_dir=tmp_path,
        output_dir=tmp_path / 'out',
        work_dir=tmp_path / 'work',
        n_procs=16,
        inversion='tikhonov',
    )


def lines(settings, limits, *acquisitions):
    return list(estimate_lines(acquisitions, settings, limits))


def test_needs_are_those_of_the_workflow(head, settings):
    needs = needs_of(head, settings)
    assert needs[0].step == 'inversion'
    assert needs[0].gb == pytest.approx(INVERSION)
    assert needs[0].n_procs == 8
    assert [need.gb for need in needs] == sorted((need.gb for need in needs), reverse=True)
    assert {'mask', 'fieldmap', 'background', 'derivatives'} <= {need.step for need in needs}


def test_what_was_asked_for_counts(head, settings):
    steps = {need.step for need in needs_of(head, replace(settings, two_pass=True, swi=True))}
    assert {'inversion of the first pass', 'susceptibility-weighted images'} <= steps


def test_the_largest_of_many_is_shown(small, head, settings):
    shown = lines(settings, WORKSTATION, small, head, small)
    assert shown == [
        'memory estimate for sub-02 (256 x 256 x 176, the largest of 2 kinds of runs): '
        f'inversion {INVERSION:.1f} GB, background 1.9 GB, fieldmap 1.6 GB',
        '  64.0 GB (free on this machine), 16 CPUs: 2 such steps at a time '
        '(memory for 21, CPUs for 2)',
    ]


@pytest.mark.parametrize(
    ('memory', 'threads', 'said'),
    [
        (4 * INVERSION + 0.1, 1, '4 such steps at a time (memory for 4, CPUs for 16)'),
        (2 * INVERSION - 0.1, 4, '1 such step at a time (memory for 1, CPUs for 4)'),
    ],
)
def test_runs_beside_each_other(head, settings, memory, threads, said):
    settings = replace(settings, omp_nthreads=threads)
    shown = lines(settings, Limits(memory, 'control group', n_procs=16), head)
    assert len(shown) == 2
    assert shown[1].endswith(said)
    assert '(control group)' in shown[1]


def test_gpus_are_named(head, settings):
    assert '16 CPUs, 2 GPUs:' in lines(settings, replace(WORKSTATION, n_gpus=2), head)[1]


def test_a_step_that_does_not_fit_is_a_warning_with_what_would(head, settings):
    *_, warning = lines(settings, Limits(2.0, 'SLURM_MEM_PER_NODE', n_procs=16), head)
    assert warning == (
        '  warning: inversion needs more than the 2.0 GB there are; it will run alone, and may be '
        'killed; would fit: a machine or job with 3 GB'
    )


def test_low_mem_is_named_where_it_helps(head, settings):
    settings = replace(settings, inversion='deepqsm')
    sizes = {'voxel_size': head.voxel_size, 'b0_dir': head.b0_dir}
    whole, tiled = (
        network_memory_gb(HEAD, is_tiled=is_tiled, **sizes) for is_tiled in (False, True)
    )
    assert tiled < INVERSION < whole
    limits = Limits(whole - 0.5, 'control group', n_procs=16)
    *_, warning = lines(settings, limits, head)
    assert f'would fit: --low-mem ({INVERSION:.1f} GB) or a machine' in warning
    assert len(lines(replace(settings, low_mem=True), limits, head)) == 2


def test_a_small_mem_option_is_to_be_raised(head, settings):
    *_, warning = lines(replace(settings, memory_gb=2.0), WORKSTATION, head)
    assert warning.endswith(
        'than the 2.0 GB there are; it will run alone, and may be killed; would fit: --mem 3G'
    )


def test_a_large_mem_option_is_doubted(head, settings):
    settings = replace(settings, memory_gb=60.0, omp_nthreads=1)
    shown = lines(settings, Limits(7.0, 'control group', n_procs=16), head)
    assert '60.0 GB (--mem), 16 CPUs: 16 such steps' in shown[1]
    assert shown[2] == (
        '  warning: --mem says 60.0 GB, but there are 7.0 GB (control group); steps may be '
        'killed; leave --mem out, or give --nprocs 2'
    )


def test_where_jobs_run_elsewhere_this_machine_does_not_count(head, settings, tmp_path):
    settings = replace(settings, nipype_plugin_file=tmp_path / 'plugin.yml')
    assert len(lines(settings, Limits(0.5, 'control group', n_procs=1), head)) == 1


def test_this_machine_has_limits(settings):
    limits = limits_of(settings)
    assert limits.memory_gb > 0
    assert limits.n_procs == 16
    assert limits.source
