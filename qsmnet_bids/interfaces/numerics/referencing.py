"""For the nodes that choose the zero of a map."""

from pathlib import Path

from nipype.interfaces.base import isdefined

from qsmnet_bids.bidsio.labels import labels_on_grid
from qsmnet_bids.interfaces.numerics.calling import call
from qsmnet_bids.interfaces.specs import ReferenceInputSpec
from qsmnet_bids.interfaces.steps import Step
from qsmnet_bids.referencing import reference
from qsmnet_bids.tensors import ChiMap, Volume


def choose_zero(
    chi: ChiMap, inputs: ReferenceInputSpec, *, r2star: Volume | None
) -> tuple[ChiMap, Step]:
    """Subtract the mean over the region that a node's inputs name.

    Parameters
    ----------
    chi
        Map without a reference.
    inputs
        Of the node.
    r2star
        1/s; None where it is not known.
    """
    labels = tuple(inputs.labels) if isdefined(inputs.labels) else ()
    segmentation = (
        labels_on_grid(Path(inputs.segmentation), like=Path(inputs.like)).to(chi.chi.device)
        if isdefined(inputs.segmentation)
        else None
    )
    values = {'labels': ' '.join(map(str, labels))} if labels else {}
    return call(
        'referencing',
        inputs.reference,
        lambda: reference(
            chi,
            region=inputs.reference,
            r2star=r2star,
            segmentation=segmentation,
            labels=labels,
        ),
        values,
    )
