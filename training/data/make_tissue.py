"""Pack the MNI152 tissue maps for training: ``python -m training.data.make_tissue``.

V. Fonov et al., NeuroImage 54:313-327, 2011, doi:10.1016/j.neuroimage.2010.07.033; the package
nilearn carries the maps.
"""

import io
import sys
import zipfile
from pathlib import Path

import numpy as np
import torch

from qsmnet_bids.phantom.template import load_tissue

TARGET = Path(__file__).parent / 'tissue.npz'
SPACING_MM = 1.5
LEVELS = 31
"""Steps between no and full probability: what the interpolation of a coarse map still resolves."""
MARGIN_MM = 27.0
"""Room around the brain, for the skull and the skin."""


def main() -> int:
    """Write the file anew; the same maps give the same bytes."""
    tissue = load_tissue((1.0, 1.0, 1.0))
    grey, white, inside = tissue.maps[0], tissue.maps[1], tissue.maps[3]
    maps = torch.stack([grey * inside, white * inside, inside])
    first = np.array(tissue.origin)
    low, high = _brain_box(inside.numpy() > 0)
    axes = [
        torch.arange(low[i] + first[i] - MARGIN_MM, high[i] + first[i] + MARGIN_MM, SPACING_MM)
        for i in range(3)
    ]
    positions = torch.stack(torch.meshgrid(*axes, indexing='ij'))
    smoothed = torch.nn.functional.avg_pool3d(maps[None], 2, 1)[0]
    lattice = type(tissue)(smoothed, tuple(first + 0.5), tissue.spacing)
    sampled = lattice.sample(positions, beyond='zeros')
    content = {
        'grey': np.rint(sampled[0].numpy() * LEVELS).astype(np.uint8),
        'white': np.rint(sampled[1].numpy() * LEVELS).astype(np.uint8),
        'inside': np.packbits(sampled[2].numpy() > 0.5),
        'origin_mm': np.array([float(axis[0]) for axis in axes]),
        'spacing_mm': np.array(SPACING_MM),
    }
    _write(TARGET, content)
    sys.stdout.write(f'{TARGET}: {TARGET.stat().st_size} bytes, {content["grey"].shape}\n')
    return 0


def _brain_box(inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    where = np.nonzero(inside)
    return np.array([w.min() for w in where]), np.array([w.max() for w in where])


def _write(path: Path, content: dict[str, np.ndarray]) -> None:
    """Write what ``numpy.load`` reads, without the time of day that ``numpy.savez`` puts in."""
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_LZMA) as archive:
        for name, array in content.items():
            buffer = io.BytesIO()
            np.save(buffer, array)
            archive.writestr(zipfile.ZipInfo(f'{name}.npy'), buffer.getvalue(), zipfile.ZIP_LZMA)


if __name__ == '__main__':
    sys.exit(main())
