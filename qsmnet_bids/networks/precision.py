"""Where half precision pays."""

import torch


def fast_bfloat16(device: torch.device) -> bool:
    """Tell whether the device multiplies bfloat16 matrices faster than float32 ones.

    A processor without such instructions emulates them: on AVX2 alone a training step took fifty
    times as long as in float32.

    Parameters
    ----------
    device
        CPU or CUDA.
    """
    if device.type == 'cuda':
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type != 'cpu' or not hasattr(torch.cpu, 'get_capabilities'):
        return False
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get('amx_bf16') or capabilities.get('avx512_bf16'))
