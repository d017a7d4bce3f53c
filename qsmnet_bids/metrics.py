"""How close an estimate comes to the truth: the measures of the QSM-CI benchmark and the thesis.

All take ``estimate`` and ``truth``, ppm, and a ``mask`` that says where to compare them, as numpy
volumes. NRMSE and its kin follow the QSM challenges: C. Langkammer et al., Magn Reson Med
79:1661-1673, 2018, doi:10.1002/mrm.26830. HFEN: S. Ravishankar and Y. Bresler, IEEE Trans Med
Imaging 30:1028-1041, 2011, doi:10.1109/TMI.2010.2090538. SSIM: Z. Wang et al., IEEE Trans Image
Process 13:600-612, 2004, doi:10.1109/TIP.2003.819861. XSIM: C. Milovic et al., Magn Reson Med
93:411-421, 2025, doi:10.1002/mrm.30271.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import gaussian_laplace, uniform_filter

Array = Float[np.ndarray, 'x y z']
MaskArray = Bool[np.ndarray, 'x y z']

WINDOW = 5
"""Edge of the windows of SSIM and XSIM, voxels."""


@dataclass(frozen=True)
class Scores:
    """All measures of one estimate.

    Parameters
    ----------
    nrmse, nrmse_detrended, hfen
        Percent, 0 is best.
    rmse, mae
        ppm, 0 is best.
    correlation, xsim, ssim
        1 is best.
    slope, intercept
        Of the line through estimate against truth; 1 and 0 ppm are best.
    """

    nrmse: float
    nrmse_detrended: float
    hfen: float
    rmse: float
    mae: float
    correlation: float
    xsim: float
    ssim: float
    slope: float
    intercept: float


def score(estimate: Array, truth: Array, mask: MaskArray) -> Scores:
    """Compute every measure of this module."""
    slope, intercept = slope_intercept(estimate, truth, mask)
    return Scores(
        nrmse=nrmse(estimate, truth, mask),
        nrmse_detrended=nrmse_detrended(estimate, truth, mask),
        hfen=hfen(estimate, truth, mask),
        rmse=rmse(estimate, truth, mask),
        mae=mae(estimate, truth, mask),
        correlation=correlation(estimate, truth, mask),
        xsim=xsim(estimate, truth, mask),
        ssim=ssim(estimate, truth, mask),
        slope=slope,
        intercept=intercept,
    )


def nrmse(estimate: Array, truth: Array, mask: MaskArray) -> float:
    """Compute the root-mean-squared error relative to the truth's, without the two maps' means.

    100 |r - t| / |t|.

    Returns
    -------
        Percent.
    """
    r, t = _centred(estimate, truth, mask)
    return float(100 * np.linalg.norm(r - t) / np.linalg.norm(t))


def nrmse_detrended(estimate: Array, truth: Array, mask: MaskArray) -> float:
    """Compute the NRMSE of the estimate divided by its own slope against the truth.

    Returns
    -------
        Percent; infinite where the estimate has no part that follows the truth.
    """
    r, t = _centred(estimate, truth, mask)
    slope = float(r @ t / (t @ t))
    if slope == 0:
        return math.inf
    return float(100 * np.linalg.norm(r / slope - t) / np.linalg.norm(t))


def nrmse_region(estimate: Array, truth: Array, mask: MaskArray, region: MaskArray) -> float:
    """Compute the NRMSE over a region of the mask, detrended over the whole mask.

    Parameters
    ----------
    region
        Where the error counts; what lies outside the mask does not.

    Returns
    -------
        Percent; infinite where the estimate has no part that follows the truth, nan where the
        region has no voxel in the mask.
    """
    r, t = _centred(estimate, truth, mask)
    slope, inside = float(r @ t / (t @ t)), region[mask]
    if not inside.any():
        return math.nan
    if slope == 0:
        return math.inf
    error = (r / slope - t)[inside]
    return float(100 * np.linalg.norm(error) / np.linalg.norm(t[inside]))


def linearity(estimate: Array, truth: Array, regions: Sequence[MaskArray]) -> float:
    """Compute how far the regions' means are from growing as the truth's do: |1 - slope|.

    Parameters
    ----------
    regions
        At least two.

    Returns
    -------
        0 is best.
    """
    means = np.array(
        [
            [volume[region].mean(dtype=np.float64) for region in regions]
            for volume in (truth, estimate)
        ]
    )
    t, r = means - means.mean(axis=1, keepdims=True)
    return float(abs(1 - r @ t / (t @ t)))


def hfen(estimate: Array, truth: Array, mask: MaskArray) -> float:
    """Compute the high-frequency error norm: the NRMSE of the maps' fine detail.

    The whole volumes, less their means in the mask, pass a Laplacian of Gaussian of 1.5 voxels, so
    a truth that goes on outside the mask counts at the mask's border.

    Returns
    -------
        Percent.
    """
    _check(estimate, truth, mask)
    r, t = (
        gaussian_laplace(volume - volume[mask].mean(dtype=np.float64), sigma=1.5)[mask]
        for volume in (estimate, truth)
    )
    return float(100 * np.linalg.norm(r - t) / np.linalg.norm(t))


def rmse(estimate: Array, truth: Array, mask: MaskArray) -> float:
    """Compute the root-mean-squared error, means included.

    Returns
    -------
        ppm.
    """
    _check(estimate, truth, mask)
    return float(np.sqrt(np.mean((estimate[mask] - truth[mask]) ** 2, dtype=np.float64)))


def mae(estimate: Array, truth: Array, mask: MaskArray) -> float:
    """Compute the mean absolute error, means included.

    Returns
    -------
        ppm.
    """
    _check(estimate, truth, mask)
    return float(np.mean(np.abs(estimate[mask] - truth[mask]), dtype=np.float64))


def correlation(estimate: Array, truth: Array, mask: MaskArray) -> float:
    """Compute Pearson's correlation.

    Returns
    -------
        From -1 to 1; nan where the estimate is constant.
    """
    r, t = _centred(estimate, truth, mask)
    length = float(np.linalg.norm(r) * np.linalg.norm(t))
    return float(r @ t) / length if length else math.nan


def slope_intercept(estimate: Array, truth: Array, mask: MaskArray) -> tuple[float, float]:
    """Fit estimate = slope * truth + intercept by least squares.

    Returns
    -------
        Slope, without unit, and intercept, ppm.
    """
    r, t = _centred(estimate, truth, mask)
    slope = float(r @ t / (t @ t))
    means = [float(volume[mask].mean(dtype=np.float64)) for volume in (estimate, truth)]
    return slope, means[0] - slope * means[1]


def xsim(estimate: Array, truth: Array, mask: MaskArray) -> float:
    """Compute the structural similarity with the constants that were tuned for QSM.

    C1 = 0.01^2 and C2 = 0.001^2 ppm^2; both maps have zero mean in the mask and are zero outside.

    Returns
    -------
        At most 1.
    """
    volumes = np.zeros((2, *mask.shape))
    volumes[:, mask] = _centred(estimate, truth, mask)
    return float(_similarity(volumes[0], volumes[1], 0.01**2, 0.001**2)[mask].mean())


def ssim(estimate: Array, truth: Array, mask: MaskArray, *, data_range: float = 2.0) -> float:
    """Compute the structural similarity as the thesis does: windows of five voxels, C3 = C2 / 2.

    Parameters
    ----------
    data_range
        Width of the values' range that sets C1 = (0.01 data_range)^2 and C2 = (0.03 data_range)^2,
        ppm; by default that of values from -1 to 1, which image libraries take for real numbers.

    Returns
    -------
        At most 1.
    """
    _check(estimate, truth, mask)
    if data_range <= 0:
        raise ValueError(f'data_range must be positive, got {data_range}')
    r, t = (np.where(mask, volume, 0).astype(np.float64) for volume in (estimate, truth))
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    return float(_similarity(r, t, c1, c2)[mask].mean())


def _similarity(x: np.ndarray, y: np.ndarray, c1: float, c2: float) -> np.ndarray:
    unbiased = WINDOW**3 / (WINDOW**3 - 1)
    mean_x, mean_y = uniform_filter(x, WINDOW), uniform_filter(y, WINDOW)
    var_x = unbiased * (uniform_filter(x * x, WINDOW) - mean_x**2)
    var_y = unbiased * (uniform_filter(y * y, WINDOW) - mean_y**2)
    covariance = unbiased * (uniform_filter(x * y, WINDOW) - mean_x * mean_y)
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    local: np.ndarray = luminance * (2 * covariance + c2) / (var_x + var_y + c2)
    return local


def _centred(estimate: Array, truth: Array, mask: MaskArray) -> tuple[np.ndarray, np.ndarray]:
    _check(estimate, truth, mask)
    r, t = estimate[mask].astype(np.float64), truth[mask].astype(np.float64)
    r, t = r - r.mean(), t - t.mean()
    if not t.any():
        raise ValueError(
            'the truth is constant in the mask, so errors relative to it mean nothing'
        )
    return r, t


def _check(estimate: Array, truth: Array, mask: MaskArray) -> None:
    if not estimate.shape == truth.shape == mask.shape:
        raise ValueError(
            f'estimate, truth and mask must have one shape, got {estimate.shape}, {truth.shape} '
            f'and {mask.shape}'
        )
    if not mask.any():
        raise ValueError('the mask is empty')
