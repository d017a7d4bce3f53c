"""The methods of a run, and the networks among them."""

import json
from dataclasses import dataclass, field

from qsmnet_bids.bidsio.acquisition import Acquisition
from qsmnet_bids.interfaces.steps import Parameters
from qsmnet_bids.weights.cards import available, read_card, sees_whole
from qsmnet_bids.workflows.memory import ensemble_memory_gb, network_memory_gb, whole_memory_gb


@dataclass(frozen=True)
class Methods:
    """The method of each stage.

    Parameters
    ----------
    masking, unwrapping, fieldmap, background, inversion
        Names, from the registries of the stages.
    reference
        Region whose mean susceptibility is zero.
    labels
        Values of the run's segmentation that make up that region, where it is one of those.
    two_pass
        Whether there are two passes.
    uncertainty
        Whether the uncertainty of the map is estimated.
    swi
        Whether susceptibility-weighted images are made.
    parameters
        Hyper-parameters that differ from the defaults, by method.
    """

    masking: str
    unwrapping: str
    fieldmap: str
    background: str
    inversion: str
    reference: str
    labels: tuple[int, ...] = ()
    two_pass: bool = False
    uncertainty: bool = False
    swi: bool = False
    parameters: Parameters = field(default_factory=dict)

    def parameters_of(self, *methods: str) -> str:
        """Give the hyper-parameters of some methods as JSON, so that a node knows no others."""
        known = {name: dict(self.parameters[name]) for name in methods if name in self.parameters}
        return json.dumps(known, sort_keys=True)


def network_gb(acquisition: Acquisition, methods: Methods, name: str) -> float:
    """Estimate what a node needs for its network.

    Parameters
    ----------
    acquisition, methods
        Of the run.
    name
        Of the node.

    Returns
    -------
        GiB; 0 where the node has no network.
    """
    if name == 'remove_background' and weights_of(methods.background):
        return whole_memory_gb(acquisition.shape)
    if not weights_of(methods.inversion) or name not in ('invert_dipole', 'estimate_uncertainty'):
        return 0.0
    copies = ensemble_memory_gb(acquisition.shape) if name == 'estimate_uncertainty' else 0.0
    if sees_whole(methods.inversion):
        return copies + whole_memory_gb(acquisition.shape)
    return copies + network_memory_gb(
        acquisition.shape,
        voxel_size=acquisition.voxel_size,
        b0_dir=acquisition.b0_dir,
        is_tiled=bool(methods.parameters.get(methods.inversion, {}).get('tile_size')),
    )


def weights_of(method: str) -> dict[str, str]:
    """Name the network that a method stands for.

    Parameters
    ----------
    method
        Of background removal or inversion.

    Returns
    -------
        ``name`` and ``sha256``; empty where it is no network.
    """
    if method not in available():
        return {}
    return {'name': method, 'sha256': str(read_card(method)['sha256'])}
