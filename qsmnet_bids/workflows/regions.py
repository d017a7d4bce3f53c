"""What measures the regions of a run: of its own segmentation, and of an atlas."""

from pathlib import Path

from qsmnet_bids import __version__
from qsmnet_bids.bidsio.acquisition import Acquisition
from qsmnet_bids.bidsio.derivatives import derivative_path
from qsmnet_bids.bidsio.names import parse_name
from qsmnet_bids.bidsio.segmentations import Segmentation
from qsmnet_bids.interfaces.measure_atlas import MeasureAtlas
from qsmnet_bids.interfaces.measure_regions import MeasureRegions


def measuring(
    acquisition: Acquisition, atlas: Segmentation | None, *, inversion: str, output_dir: Path
) -> dict[str, MeasureRegions]:
    """Give what measures regions of a run, by the names of the nodes.

    Parameters
    ----------
    acquisition
        Its segmentation is measured if its regions have names; the desc entity names the table.
    atlas
        In MNI152 space; None for none. Its file's name names the table.
    inversion
        Method that makes the map.
    output_dir
        Root of the output dataset.
    """
    found = {}
    if acquisition.region_names is not None:
        image = acquisition.segmentation or Path()
        own = Segmentation(image, acquisition.region_names, parse_name(image)['desc'])
        found['measure_regions'] = MeasureRegions(
            **_inputs(acquisition, own, inversion, output_dir)
        )
    if atlas is not None:
        found['measure_atlas'] = MeasureAtlas(**_inputs(acquisition, atlas, inversion, output_dir))
    return found


def _inputs(
    acquisition: Acquisition, segmentation: Segmentation, inversion: str, output_dir: Path
) -> dict[str, str]:
    path = derivative_path(
        output_dir,
        {**acquisition.entities, 'seg': segmentation.name},
        suffix='stats',
        desc=inversion.replace('_', ''),
        extension='.tsv',
    )
    return {
        'segmentation': str(segmentation.image),
        'table': str(segmentation.table),
        'like': str(acquisition.magnitude[0]),
        'path': str(path),
        'version': __version__,
    }
