import pytest


@pytest.mark.slow
def test_another_simulator_computes_the_same_fields():
    pytest.importorskip('qsm_forward', reason='part of the extra benchmark')
    from benchmarks.simulators import compare_fields, make_phantom  # noqa: PLC0415

    total, local = compare_fields(make_phantom((6.0, 6.0, 6.0)))
    assert local.difference < 0.5
    assert total.difference < 10  # its copies of the head are nearer than ours
