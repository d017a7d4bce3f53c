"""The geometric phantoms of the thesis, section 3.4.

S. Bollmann et al., NeuroImage 195:373-383, 2019, doi:10.1016/j.neuroimage.2019.03.060.
"""

from dataclasses import dataclass

import torch

from qsmnet_bids.networks.sample import Sample
from training.datasets import GeometricWorlds, batch
from training.worlds.batch import Batch


@dataclass(frozen=True)
class Geometric:
    """Overlapping spheres, cuboids, cylinders and ellipsoids of random size, place and value.

    Parameters
    ----------
    size
        Voxels per side.
    n_objects
        Objects per world.
    """

    size: int = 48
    n_objects: int = 100

    def batch(self, *, seed: int, step: int, size: int, device: torch.device) -> Batch:
        """Make the samples of one training step; see ``Source``."""
        worlds = GeometricWorlds(self.size, self.n_objects)
        field, chi = batch(worlds, seed=seed, step=step, size=size)
        field, chi = field.to(device), chi.to(device)
        return Batch(Sample(field, torch.ones_like(field), torch.zeros_like(field)), chi)
