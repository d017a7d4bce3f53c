"""Small random samples for the tests of the networks."""

import dataclasses

import torch

from qsmnet_bids.networks.sample import Sample
from qsmnet_bids.physics.dipole import dipole_kernel

VOLUMES = ('field', 'mask', 'noise', 'inverse', 'magnitude')


def random_sample(shape=(16, 16, 16), *, n=2, n_inverse=0, seed=0):
    """A ball of random field, with everything that a network may ask for."""
    generator = torch.Generator().manual_seed(seed)
    axes = torch.meshgrid(*(torch.linspace(-1, 1, side) for side in shape), indexing='ij')
    ball = (sum(axis**2 for axis in axes) < 0.8).float().expand(n, 1, *shape).clone()
    random = torch.randn(n, 3 + n_inverse, *shape, generator=generator)
    noise = 0.005 * (1 + random[:, 1:2].abs()) * ball
    kernel = dipole_kernel(shape, (1.0, 1.0, 1.5), (0.0, 0.6, 0.8)).expand(n, -1, -1, -1)
    return Sample(
        field=0.03 * random[:, :1] * ball,
        mask=ball,
        noise=noise,
        kernel=kernel.clone(),
        inverse=0.1 * random[:, 3:] * ball if n_inverse else None,
        magnitude=random[:, 2:3].abs() * ball,
        voxel_size=torch.tensor([[1.0, 1.0, 1.5]]).expand(n, 3) / 1.5 ** (1 / 3),
    )


def scaled(sample, factor):
    """The same sample with sources and noise so many times as strong."""
    inverse = None if sample.inverse is None else factor * sample.inverse
    return dataclasses.replace(
        sample, field=factor * sample.field, noise=factor * sample.noise, inverse=inverse
    )
