"""The quality measures of a run: their names, units and digits."""

from dataclasses import dataclass
from typing import Literal

from qsmnet_bids.reports.values import DASH, MINUS

Better = Literal['lower', 'higher']


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
    better
        Which direction is good; None where neither is.
    """

    key: str
    label: str
    unit: str
    digits: int
    description: str
    better: Better | None = None

    def show(self, value: float | None) -> str:
        """Write a value with its digits; a dash where there is none."""
        return DASH if value is None else f'{value:.{self.digits}f}'.replace('-', MINUS)


MEASURES = (
    Measure('mask_volume_ml', 'Mask volume', 'ml', 1, 'Volume of the mask.'),
    Measure(
        'mask_roughness',
        'Roughness of the mask',
        '',
        2,
        'Surface of the mask over that of a sphere of its volume; 1 is a sphere.',
        'lower',
    ),
    Measure(
        'mask_border_fraction',
        'Mask at the edge of the image',
        '',
        4,
        "Share of the mask's surface that lies on the edge of the image, where tissue may be cut.",
        'lower',
    ),
    Measure(
        'snr',
        'Signal to noise',
        '',
        1,
        'Median magnitude of the first echo over the noise between neighbouring voxels.',
        'higher',
    ),
    Measure('r2star_median', 'Median R2*', '1/s', 1, 'About 10 to 40 in a brain at 1.5 to 7 T.'),
    Measure(
        'r2star_misfit',
        'Misfit of the decay',
        '',
        4,
        'Median over voxels of the deviation of the magnitude from an exponential decay,'
        ' relative to the first echo.',
        'lower',
    ),
    Measure(
        'echo_misfit_rad',
        'Misfit of the phase',
        'rad',
        3,
        "Median over voxels of the deviation of the echoes' phase from one field and one offset.",
        'lower',
    ),
    Measure(
        'echo_misfit_fraction',
        'Voxels whose echoes disagree',
        '',
        4,
        'Share of the mask where that deviation is more than five times what noise explains.',
        'lower',
    ),
    Measure(
        'wrap_fraction',
        'Wraps in the last echo',
        '',
        4,
        'Share of neighbouring voxels between which the stored phase of the last echo jumps.',
        'lower',
    ),
    Measure(
        'steep_fraction',
        'Phase too steep',
        '',
        4,
        "Share of neighbouring voxels between which the field turns the last echo's phase by"
        ' more than half a cycle, so that unwrapping has to guess.',
        'lower',
    ),
    Measure(
        'low_quality_fraction',
        'Voxels of low quality',
        '',
        4,
        "Share of the mask where the field's noise is more than three times its median.",
        'lower',
    ),
    Measure(
        'field_noise_ppm',
        'Field noise',
        'ppm',
        5,
        'Median over the voxels of the mask.',
        'lower',
    ),
    Measure(
        'background_left',
        'Background field left',
        '',
        3,
        'Harmonic part of the local field, by its values at the edge of the mask, over the whole'
        ' local field, both at 4 mm; 0 is clean.',
        'lower',
    ),
    Measure(
        'forward_residual_ppm',
        'Residual of the forward model',
        'ppm',
        5,
        'Root mean square of the field of the map minus the local field.',
        'lower',
    ),
    Measure(
        'forward_residual_ratio',
        'Residual relative to the local field',
        '',
        3,
        'The residual divided by the root mean square of the local field; 0 is a perfect fit.',
        'lower',
    ),
    Measure(
        'forward_residual_noise',
        'Residual relative to the noise',
        '',
        2,
        'Median over voxels of the size of the residual in standard deviations of the noise.',
        'lower',
    ),
    Measure(
        'forward_residual_tail',
        'Outliers of the residual',
        '',
        2,
        'The 99.9th percentile of the size of the residual over its median; patches that no'
        ' susceptibility explains, such as flow, raise it.',
        'lower',
    ),
    Measure(
        'uncertainty_ppm',
        'Uncertainty',
        'ppm',
        4,
        'Median over the voxels of the map of the standard deviation of the susceptibility; only'
        ' with --uncertainty.',
        'lower',
    ),
    Measure(
        'uncertain_fraction',
        'Uncertain voxels',
        '',
        4,
        'Share of the map where that standard deviation is more than 0.03 ppm, about the contrast'
        ' between grey and white matter; only with --uncertainty.',
        'lower',
    ),
    Measure(
        'streaking',
        'Streaking',
        '',
        2,
        "Energy density of the map's transform where the dipole kernel is below 0.1, over that"
        ' where it is between 0.1 and 0.2; far above 1 are streaks, far below 1 is damping.',
    ),
    Measure('chi_p01', 'Susceptibility, 1st percentile', 'ppm', 4, 'In the map.'),
    Measure('chi_p05', 'Susceptibility, 5th percentile', 'ppm', 4, 'In the map.'),
    Measure('chi_p50', 'Susceptibility, median', 'ppm', 4, 'In the map.'),
    Measure('chi_p95', 'Susceptibility, 95th percentile', 'ppm', 4, 'In the map.'),
    Measure('chi_p99', 'Susceptibility, 99th percentile', 'ppm', 4, 'In the map.'),
    Measure(
        'chi_sd', 'Susceptibility, standard deviation', 'ppm', 4, 'Over the voxels of the map.'
    ),
    Measure(
        'chi_csf_mode',
        'Susceptibility of fluid',
        'ppm',
        3,
        'Most frequent value where R2* is below a third of its median.',
    ),
    Measure(
        'chi_wm_mode',
        'Susceptibility of white matter',
        'ppm',
        3,
        'Most frequent value where R2* is 1.05 to 1.35 times its median.',
    ),
    Measure(
        'chi_asymmetry',
        'Left-right asymmetry',
        '',
        2,
        'One minus the correlation of the map with its mirror image, both at 4 mm.',
        'lower',
    ),
    Measure('run_time_s', 'Run time', 's', 1, 'Sum of the stages.', 'lower'),
)
BY_KEY = {measure.key: measure for measure in MEASURES}
