"""Neural networks as plain modules with their sizes as arguments."""

from collections.abc import Callable

from qsmnet_bids.networks.direct import Direct
from qsmnet_bids.networks.informed import Informed
from qsmnet_bids.networks.network import Network
from qsmnet_bids.networks.refined import Refined

ARCHITECTURES: dict[str, Callable[..., Network]] = {
    'direct': Direct,
    'informed': Informed,
    'refined': Refined,
}
"""What a recipe or a model card names, with the module's arguments beside it."""
