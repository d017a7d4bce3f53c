"""For the nodes whose result is a susceptibility map."""

from qsmnet_bids.interfaces.numerics.referencing import choose_zero
from qsmnet_bids.interfaces.specs import ReferenceInputSpec, fingerprint
from qsmnet_bids.interfaces.steps import Step
from qsmnet_bids.interfaces.volumes import save
from qsmnet_bids.quality import forward_residual, quality_measures
from qsmnet_bids.tensors import ChiMap, LocalField


def finish_map(
    chi: ChiMap, inputs: ReferenceInputSpec, *, local: LocalField, folder: str
) -> tuple[dict[str, object], Step]:
    """Choose the zero of a map, measure it and save it.

    Parameters
    ----------
    chi
        Map without a reference.
    inputs
        Of the node.
    local
        The field that the map was made from.
    folder
        Of the node.

    Returns
    -------
        What ``MapOutputSpec`` has, but for the steps, and how the zero was chosen.
    """
    # of the map as inverted: a constant taken off within the mask has a field of its own
    residual = forward_residual(chi, local=local)
    referenced, zero = choose_zero(chi, inputs, r2star=local.r2star)
    return {
        'chi': save(referenced.chi, 'chi', folder),
        'residual': save(residual, 'residual', folder),
        'quality': quality_measures(referenced, local=local, residual=residual),
        'fingerprint': fingerprint(inputs),
    }, zero
