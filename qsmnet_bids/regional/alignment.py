"""Where a brain lies in the space of a template: an affine map, found by mutual information.

The contrasts differ, so the statistical dependence of the grey values is maximised. D. Mattes et
al., IEEE Trans. Med. Imaging 22:120-128, 2003, doi:10.1109/TMI.2003.809072, as ITK has it.
"""

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk  # noqa: N813 # as its own documents do

from qsmnet_bids.regional.resampling import sample_mask

SPACING = 2.0
"""mm, to which both volumes are brought first; an affine map needs no more."""
LEVELS = (4, 2, 1)
"""Widths of the blocks that are averaged, coarse to fine."""
REACH = 10.0
"""mm around the brain in which values are compared: its edge says most about its size."""
BINS = 32
MAX_ITERATIONS = 200


@dataclass(frozen=True, eq=False)
class Alignment:
    """Where a brain lies in the space of a template.

    Parameters
    ----------
    matrix
        From mm of the brain to mm of the template, 4 x 4.
    share_inside
        Part of the brain's mask that lies inside the brain of the template, 0 to 1.
    """

    matrix: np.ndarray
    share_inside: float


def align(
    brain: np.ndarray,
    *,
    mask: np.ndarray,
    affine: np.ndarray,
    template: np.ndarray,
    template_mask: np.ndarray,
    template_affine: np.ndarray,
    n_threads: int = 1,
) -> Alignment:
    """Find the affine map from a brain to a template.

    Parameters
    ----------
    brain, template
        Of any contrast and unit, shape ``(x, y, z)``, each on its own grid.
    mask, template_mask
        The brain in each; values outside do not matter.
    affine, template_affine
        From voxels to mm.
    n_threads
        Of ITK. The result does not depend on it but for rounding.

    Raises
    ------
    ValueError
        If a mask is empty.
    """
    if not mask.any() or not template_mask.any():
        raise ValueError('mask and template_mask must hold a voxel each')
    fixed, known = (_image(volume, affine) for volume in (_scaled(brain, mask), mask))
    moving, inside = (
        _image(volume, template_affine)
        for volume in (_scaled(template, template_mask), template_mask)
    )
    fixed, known, moving, inside = (_evenly(image) for image in (fixed, known, moving, inside))
    near = sitk.BinaryDilate(known > 0.5, [round(REACH / SPACING)] * 3)
    method = _method(near, n_threads)
    rigid = sitk.CenteredTransformInitializer(
        known, inside, sitk.Euler3DTransform(), sitk.CenteredTransformInitializerFilter.MOMENTS
    )
    method.SetInitialTransform(rigid, inPlace=True)
    method.Execute(fixed, moving)
    found = _as_affine(rigid)
    method.SetInitialTransform(found, inPlace=True)
    method.Execute(fixed, moving)
    matrix = _matrix(found)
    voxels = np.array(np.nonzero(mask))
    inside_template = sample_mask(
        template_mask, affine=template_affine, voxels=voxels, voxels_affine=matrix @ affine
    )
    return Alignment(matrix, float(inside_template.mean()))


def _scaled(volume: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Scale to 0..1 inside the mask, without the few brightest voxels; zero outside it."""
    high = float(np.percentile(volume[mask], 99))
    scaled: np.ndarray = np.clip(volume / high if high > 0 else volume, 0, 1) * mask
    return scaled


def _image(volume: np.ndarray, affine: np.ndarray) -> sitk.Image:
    """Make an ITK image whose physical space is the affine's, whatever its handedness."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(volume.T, dtype=np.float32))
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    return image


def _evenly(image: sitk.Image) -> sitk.Image:
    """Bring an image to cubic voxels, averaging where it has finer ones."""
    spacing = np.array(image.GetSpacing())
    sigmas = np.sqrt(np.clip(SPACING**2 - spacing**2, 1e-6, None)) / 2.355
    smooth = sitk.SmoothingRecursiveGaussian(image, sigmas.tolist())
    size = np.maximum(np.ceil(np.array(image.GetSize()) * spacing / SPACING), 1).astype(int)
    return sitk.Resample(
        smooth,
        size.tolist(),
        sitk.Transform(),
        sitk.sitkLinear,
        image.GetOrigin(),
        [SPACING] * 3,
        image.GetDirection(),
    )


def _method(near: sitk.Image, n_threads: int) -> sitk.ImageRegistrationMethod:
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(n_threads)
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMetricSamplingStrategy(method.NONE)
    method.SetMetricFixedMask(near)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-3, MAX_ITERATIONS)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(LEVELS)
    method.SetSmoothingSigmasPerLevel([width / 2 if width > 1 else 0 for width in LEVELS])
    return method


def _as_affine(rigid: sitk.Euler3DTransform) -> sitk.AffineTransform:
    affine = sitk.AffineTransform(3)
    affine.SetMatrix(rigid.GetMatrix())
    affine.SetCenter(rigid.GetCenter())
    affine.SetTranslation(rigid.GetTranslation())
    return affine


def _matrix(transform: sitk.AffineTransform) -> np.ndarray:
    """Write y = A (x - c) + c + t as one matrix."""
    linear = np.array(transform.GetMatrix()).reshape(3, 3)
    centre = np.array(transform.GetCenter())
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = centre + np.array(transform.GetTranslation()) - linear @ centre
    return matrix
