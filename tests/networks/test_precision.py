import torch

from qsmnet_bids.networks.precision import fast_bfloat16


def test_the_processor_s_own_word_decides():
    flags = torch.cpu.get_capabilities()
    assert fast_bfloat16(torch.device('cpu')) == (flags['amx_bf16'] or flags['avx512_bf16'])


def test_unknown_devices_stay_in_single_precision():
    assert not fast_bfloat16(torch.device('meta'))
