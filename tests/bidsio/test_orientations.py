from dataclasses import replace
from pathlib import Path

from qsmnet_bids.bidsio.acquisition import Acquisition
from qsmnet_bids.bidsio.orientations import join_orientations
from qsmnet_bids.bidsio.preflight import Preflight


def acquisition(**entities):
    name = '_'.join(f'{key}-{value}' for key, value in entities.items())
    return Acquisition(
        entities=entities,
        suffix='MEGRE',
        magnitude=(Path(f'{name}_part-mag_MEGRE.nii.gz'),),
        phase=(Path(f'{name}_part-phase_MEGRE.nii.gz'),),
        echo_times=(0.01,),
        b0=3.0,
        b0_dir=(0.0, 0.0, 1.0),
        voxel_size=(1.0, 1.0, 1.0),
        shape=(8, 8, 8),
        phase_convention='radian',
        phase_slope=1.0,
        phase_intercept=0.0,
        phase_sign=1,
    )


def test_the_runs_of_a_subject_become_one_under_what_their_names_share():
    runs = [acquisition(sub='01', ses='a', acq='ori', run=run) for run in ('2', '1', '3')]
    other = [acquisition(sub='02', ses=session) for session in ('a', 'b')]
    joined = join_orientations(Preflight((*runs, *other), ()))
    assert not joined.problems
    first, second = joined.acquisitions
    assert first.name == 'sub-01_ses-a_acq-ori'
    assert [run.entities['run'] for run in first.orientations] == ['1', '2', '3']
    assert first.magnitude == first.orientations[0].magnitude == runs[1].magnitude
    assert second.name == 'sub-02'


def test_one_run_alone_is_refused_and_others_go_on():
    alone = acquisition(sub='01', run='1')
    pair = [acquisition(sub='02', run=run) for run in ('1', '2')]
    joined = join_orientations(Preflight((alone, *pair), ()))
    assert [each.name for each in joined.acquisitions] == ['sub-02']
    (problem,) = joined.problems
    assert problem.subject == '01'
    assert 'at least 2 orientations' in problem.remedy


def test_another_grid_is_refused_by_name():
    first = acquisition(sub='01', run='1')
    finer = replace(acquisition(sub='01', run='2'), voxel_size=(1.0, 1.0, 0.9))
    larger = replace(acquisition(sub='01', run='3'), shape=(8, 8, 9))
    joined = join_orientations(Preflight((first, finer, larger), ()))
    assert not joined.acquisitions
    assert [Path(each.file) for each in joined.problems] == [
        finer.magnitude[0],
        larger.magnitude[0],
    ]
