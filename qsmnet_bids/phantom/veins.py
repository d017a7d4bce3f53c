"""Small veins that differ from subject to subject."""

import math

import numpy as np

from qsmnet_bids.phantom.shapes import Tube
from qsmnet_bids.vectors import Vector

N_MEDULLARY = 56
N_PIAL = 20
BRAIN_CENTRE_MM = (0.0, -17.0, 5.0)
BRAIN_RADII_MM = (67.0, 88.0, 75.0)
"""Of an ellipsoid close to the surface of the cerebrum."""


def small_veins(generator: np.random.Generator) -> tuple[Tube, ...]:
    """Draw the veins of the white matter and those on the brain's surface.

    Parameters
    ----------
    generator
        Decides number, course and width.

    Returns
    -------
        Tubes in template coordinates.
    """
    medullary = [_medullary(generator) for _ in range(N_MEDULLARY)]
    return (*medullary, *(_pial(generator) for _ in range(N_PIAL)))


def _medullary(generator: np.random.Generator) -> Tube:
    """Run from the wall of a lateral ventricle outwards."""
    side = generator.choice((-1.0, 1.0))
    position = np.array([side * generator.uniform(16, 22), generator.uniform(-45, 28), 20.0])
    slope = math.radians(generator.uniform(-10, 75))
    direction = np.array([side * math.cos(slope), generator.uniform(-0.4, 0.4), math.sin(slope)])
    length = generator.uniform(16, 34)
    path = [_vector(position)]
    for _ in range(3):
        position = position + direction * length / 3 + generator.normal(0, 1, 3)
        path.append(_vector(position))
    return Tube(tuple(path), generator.uniform(0.35, 0.7))


def _pial(generator: np.random.Generator) -> Tube:
    """Run from near the superior sagittal sinus down the side of the brain."""
    side = generator.choice((-1.0, 1.0))
    start, drift = generator.uniform(-80, 50), generator.uniform(-15, 15)
    end_angle = math.radians(generator.uniform(40, 85))
    path = []
    for step in np.linspace(0, 1, 6):
        y = start + step * drift
        across = math.sqrt(1 - ((y - BRAIN_CENTRE_MM[1]) / BRAIN_RADII_MM[1]) ** 2)
        angle = 0.05 + step * end_angle
        x = side * BRAIN_RADII_MM[0] * across * math.sin(angle)
        z = BRAIN_CENTRE_MM[2] + BRAIN_RADII_MM[2] * across * math.cos(angle)
        path.append(_vector(np.array([x, y, z]) + generator.normal(0, 1.2, 3)))
    return Tube(tuple(path), generator.uniform(0.7, 1.2))


def _vector(position: np.ndarray) -> Vector:
    x, y, z = position.tolist()
    return x, y, z
