"""The items that a publication on susceptibility mapping has to report, of one run.

QSM Consensus Organization Committee, Magn. Reson. Med. 91:1834-1862, 2024,
doi:10.1002/mrm.30006: its tables on acquisition and on reconstruction.
"""

from qsmnet_bids.reports.records import RunRecord
from qsmnet_bids.reports.values import TIMES, join_numbers

NOT_RECORDED = 'not in the sidecar'
SEQUENCE = (
    ('Repetition time, s', ('RepetitionTime', 'RepetitionTimeExcitation')),
    ('Flip angle, °', ('FlipAngle',)),
    ('Sequence', ('PulseSequenceType', 'ScanningSequence', 'ProtocolName')),
    ('2D or 3D', ('MRAcquisitionType',)),
    ('Bandwidth per pixel, Hz', ('PixelBandwidth',)),
    ('Acceleration in the plane', ('ParallelReductionFactorInPlane',)),
    ('Method of acceleration', ('ParallelAcquisitionTechnique',)),
    ('Partial Fourier', ('PartialFourier',)),
    ('Coil combination', ('CoilCombinationMethod',)),
)
"""Items, and the fields that tell them, the first that is there."""


def reporting_items(record: RunRecord) -> list[tuple[str, str]]:
    """Fill the list of what to report.

    Parameters
    ----------
    record
        Of the run.

    Returns
    -------
        Item and value, acquisition before processing; what the sidecar lacks says so, because
        the authors have to add it.
    """
    times = join_numbers(1000 * time for time in record.echo_times)
    extent = zip(record.voxel_size, record.matrix_size, strict=False)
    rows = [
        ('Field strength, T', f'{record.b0:g}' if record.b0 else ''),
        *((item, _first(record, keys)) for item, keys in SEQUENCE),
        ('Number of echoes', str(len(record.echo_times)) if record.echo_times else ''),
        ('Echo times, ms', times),
        ('Field of view, mm', join_numbers((s * n for s, n in extent), f' {TIMES} ')),
        ('Matrix', join_numbers(record.matrix_size, f' {TIMES} ')),
        ('Voxel size, mm', join_numbers(record.voxel_size, f' {TIMES} ')),
        ('Toolbox', f'qsmnet-bids {record.versions.get("qsmnet-bids", "")}'.strip()),
        *(
            (f'Algorithm: {step.stage}', _algorithm(step.method, step.parameters))
            for step in record.steps
        ),
        ('Unit of susceptibility', 'ppm'),
        ('Reference region', record.reference_region),
    ]
    return [(item, value or NOT_RECORDED) for item, value in rows]


def _first(record: RunRecord, keys: tuple[str, ...]) -> str:
    return next((record.scanner[key] for key in keys if record.scanner.get(key)), '')


def _algorithm(method: str, parameters: dict[str, str]) -> str:
    told = ', '.join(f'{name} = {value}' for name, value in parameters.items())
    return f'{method} ({told})' if told else method
