"""Fixed sets of samples as files, for other programs and for looking at."""

from pathlib import Path

import numpy as np
import torch

from training.worlds.batch import Source

CHUNK = 8


def export_pairs(source: Source, n: int, folder: Path, *, seed: int = 0) -> list[Path]:
    """Write samples as NIfTI files: ``0000_field.nii``, ``0000_label.nii`` and what else is known.

    Parameters
    ----------
    source
        Of the samples.
    n
        How many.
    folder
        Made where need be; files of the same name are overwritten.
    seed
        Of the samples.

    Returns
    -------
        All files, sample by sample.

    Raises
    ------
    ValueError
        If ``n`` is not positive.
    """
    import nibabel as nib  # noqa: PLC0415  training itself runs without it

    if n < 1:
        raise ValueError(f'n must be at least 1, got {n}')
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for step in range(-(-n // CHUNK)):
        size = min(CHUNK, n - step * CHUNK)
        batch = source.batch(seed=seed, step=step, size=size, device=torch.device('cpu'))
        parts = {'field': batch.sample.field, 'label': batch.label, 'mask': batch.sample.mask}
        parts['noise'] = batch.sample.noise
        for position in range(size):
            for name, volumes in parts.items():
                path = folder / f'{step * CHUNK + position:04d}_{name}.nii'
                image = nib.Nifti1Image(volumes[position, 0].numpy(), np.eye(4))
                image.to_filename(path)
                written.append(path)
    return written
