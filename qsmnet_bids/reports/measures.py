"""The quality measures of a run: their names, units and digits."""

from dataclasses import dataclass

from qsmnet_bids.reports.values import DASH, MINUS


@dataclass(frozen=True)
class Measure:
    """A number that a run is judged by.

    Parameters
    ----------
    key
        In the sidecar's ``QualityMeasures`` and in the group table.
    label
        For the reader.
    unit
        Empty for a ratio.
    digits
        After the decimal point.
    description
        One sentence.
    """

    key: str
    label: str
    unit: str
    digits: int
    description: str

    def show(self, value: float | None) -> str:
        """Write a value with its digits; a dash where there is none."""
        return DASH if value is None else f'{value:.{self.digits}f}'.replace('-', MINUS)


MEASURES = (
    Measure('mask_volume_ml', 'Mask volume', 'ml', 1, 'Volume of the mask.'),
    Measure('chi_p01', 'Susceptibility, 1st percentile', 'ppm', 4, 'In the map.'),
    Measure('chi_p05', 'Susceptibility, 5th percentile', 'ppm', 4, 'In the map.'),
    Measure('chi_p50', 'Susceptibility, median', 'ppm', 4, 'In the map.'),
    Measure('chi_p95', 'Susceptibility, 95th percentile', 'ppm', 4, 'In the map.'),
    Measure('chi_p99', 'Susceptibility, 99th percentile', 'ppm', 4, 'In the map.'),
    Measure(
        'chi_sd', 'Susceptibility, standard deviation', 'ppm', 4, 'Over the voxels of the map.'
    ),
    Measure('field_noise_ppm', 'Field noise', 'ppm', 5, 'Median over the voxels of the mask.'),
    Measure(
        'forward_residual_ppm',
        'Residual of the forward model',
        'ppm',
        5,
        'Root mean square of the field of the map minus the local field.',
    ),
    Measure(
        'forward_residual_ratio',
        'Residual relative to the local field',
        '',
        3,
        'The residual divided by the root mean square of the local field; 0 is a perfect fit.',
    ),
    Measure('run_time_s', 'Run time', 's', 1, 'Sum of the stages.'),
)
BY_KEY = {measure.key: measure for measure in MEASURES}
