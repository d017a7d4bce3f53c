"""The ground truth of a simulated dataset, as BIDS derivatives."""

from pathlib import Path

import numpy as np
import torch

from qsmnet_bids import __version__
from qsmnet_bids.phantom.anatomy import LABELS
from qsmnet_bids.phantom.brain import BrainPhantom
from qsmnet_bids.phantom.files import Metadata, write_image, write_json, write_text
from qsmnet_bids.phantom.signal import Simulation

REFERENCE = 'water: the susceptibility of pure water is 0'


def write_truth_description(truth_dir: Path) -> None:
    """Write the description of the derivative dataset and the table of labels.

    Parameters
    ----------
    truth_dir
        ``derivatives/truth`` of the raw dataset.
    """
    description = {
        'Name': 'Ground truth of a simulated dataset',
        'BIDSVersion': '1.10.0',
        'DatasetType': 'derivative',
        'License': 'CC0',
        # a derivative inside a raw dataset is named by its folder
        'GeneratedBy': [
            {'Name': 'truth', 'Description': 'qsmnet-bids-phantom', 'Version': __version__}
        ],
        'SourceDatasets': [{'URL': '../..'}],
        'DatasetLinks': {'raw': '../..'},
    }
    write_json(truth_dir / 'dataset_description.json', description)
    readme = 'Susceptibility, fields and segmentation that the images were simulated from.\n'
    write_text(truth_dir / 'README.md', f'# Ground truth\n\n{readme}')
    rows = [f'{index}\t{name}' for index, name in sorted(LABELS.items())]
    table = '\n'.join(['index\tname', '0\tbackground', *rows]) + '\n'
    write_text(truth_dir / 'desc-truth_dseg.tsv', table)


def write_truth(
    truth_dir: Path, labels: list[str], phantom: BrainPhantom, simulation: Simulation
) -> None:
    """Write what one acquisition was simulated from.

    Parameters
    ----------
    truth_dir
        ``derivatives/truth`` of the raw dataset.
    labels
        Such as ``['sub-01', 'ses-01']``.
    phantom
        Susceptibility, R2*, mask and segmentation.
    simulation
        The fields.
    """
    writer = _Writer(truth_dir.joinpath(*labels), '_'.join(labels), phantom)
    fields, mask = simulation.fields, phantom.mask
    b0 = simulation.echoes.b0
    writer.write('anat/desc-truth_Chimap', phantom.chi * mask, _chi_metadata(phantom))
    r2star = phantom.r2star * mask * (b0 / 3)
    r2star_text = 'Decay of the tissue, without the loss that field gradients add'
    writer.write('anat/desc-truth_R2starmap', r2star, {'Description': r2star_text, 'Units': '1/s'})
    writer.write('anat/desc-truth_mask', mask.to(torch.uint8), {'Type': 'Brain'})
    writer.write(
        'anat/desc-truth_dseg', phantom.labels, {'Description': 'Segmentation of the brain'}
    )
    local_text = (
        'Field of the susceptibility inside the brain mask, relative to water as in the Chimap; '
        'zero outside the mask'
    )
    writer.write(
        'fmap/desc-local_fieldmap', fields.local, {'Description': local_text, 'Units': 'ppm'}
    )
    writer.write('fmap/desc-total_fieldmap', fields.total, _total_metadata(simulation))
    magnitude = simulation.echoes.magnitude[0].round().to(torch.int16)
    magnitude_text = 'Magnitude of the first echo, which BIDS wants beside a field map'
    writer.write(
        'fmap/magnitude', magnitude, {'Description': magnitude_text, 'SkullStripped': False}
    )


class _Writer:
    """Writes volumes of one acquisition with the sidecar keys that all of them share."""

    def __init__(self, folder: Path, name: str, phantom: BrainPhantom) -> None:
        self.folder = folder
        self.name = name
        self.grid = phantom.grid

    def write(self, where: str, volume: torch.Tensor, metadata: Metadata) -> None:
        """Write one volume, given ``datatype/entities_suffix``."""
        datatype, rest = where.split('/')
        path = self.folder / datatype / f'{self.name}_{rest}.nii.gz'
        values = volume.numpy()
        values = values.astype(np.float32) if volume.is_floating_point() else values
        write_image(path, values, self.grid.affine)
        shared: Metadata = {'SkullStripped': True, 'B0_dir': list(self.grid.b0_dir)}
        write_json(path.with_suffix('').with_suffix('.json'), {**shared, **metadata})


def _chi_metadata(phantom: BrainPhantom) -> Metadata:
    values = phantom.chi[phantom.mask].double()
    return {
        'Description': 'Susceptibility inside the brain mask, zero outside it',
        'Units': 'ppm',
        'EstimationReference': REFERENCE,
        'EstimationAlgorithm': 'simulation',
        'MeanInMask': float(values.mean()),
    }


def _total_metadata(simulation: Simulation) -> Metadata:
    fields = simulation.fields
    return {
        'Description': (
            'Field of all sources in the whole field of view after a linear shim, which is fitted '
            'inside the brain mask and subtracted'
        ),
        'Units': 'ppm',
        'SkullStripped': False,
        'ShimOffset': fields.shim_offset,
        'ShimGradient': list(fields.shim_gradient),
    }
