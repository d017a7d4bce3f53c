import pytest


@pytest.mark.slow
def test_another_simulator_computes_the_same_fields():
    pytest.importorskip('qsm_forward', reason='part of the extra benchmark')
    from benchmarks.simulators import compare_fields, make_phantom  # noqa: PLC0415

    sharp, averaged, local = compare_fields(make_phantom((6.0, 6.0, 6.0)))
    assert local.difference < 0.1
    assert averaged.difference < 5  # its copies of the head are nearer than ours
    assert sharp.difference > averaged.difference  # what is sampled sharply rings
