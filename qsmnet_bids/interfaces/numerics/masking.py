"""For the node that loads and masks a run."""

from pathlib import Path

from qsmnet_bids.bidsio.images import load_mask
from qsmnet_bids.interfaces.numerics.calling import call, prepare
from qsmnet_bids.interfaces.steps import Parameters, Step, hyper_parameters
from qsmnet_bids.interfaces.volumes import load_echoes, save, save_echoes
from qsmnet_bids.masking import METHODS as MASKINGS
from qsmnet_bids.tensors import Mask, MultiEcho
from qsmnet_bids.two_pass import METHODS as PASSES

__all__ = [
    'load_echoes',
    'make_masks',
    'prepare',
    'save',
    'save_echoes',
]


def make_masks(
    echoes: MultiEcho,
    *,
    method: str,
    provided: Path | None,
    two_pass: bool,
    parameters: Parameters,
) -> tuple[dict[str, Mask], list[Step]]:
    """Compute or load the mask of a run, and for two passes find the voxels of reliable phase.

    Parameters
    ----------
    echoes
        The run.
    method
        Of the masking.
    provided
        Mask to take as it is; None to compute one.
    two_pass
        Whether there are two passes.
    parameters
        That differ from the defaults, by method.

    Returns
    -------
        ``mask``, and ``reliable`` where it was asked for; and how they were made.
    """
    if provided is not None:
        masks, steps = {'mask': load_mask(provided)}, [Step('masking', 'provided')]
    else:
        given = parameters.get(method, {})
        values = hyper_parameters(MASKINGS[method], given)
        mask, step = call('masking', method, lambda: MASKINGS[method](echoes, **given), values)
        masks, steps = {'mask': mask}, [step]
    if two_pass:
        find, given = PASSES['two_pass'], parameters.get('two_pass', {})
        values = hyper_parameters(find, given)
        masks['reliable'], step = call(
            'two passes', 'two_pass', lambda: find(echoes, **given), values
        )
        steps.append(step)
    return masks, steps
