"""Inputs that several nodes share."""

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    InputMultiObject,
    TraitedSpec,
    traits,
)

from qsmnet_bids.regions import REGIONS


class WorkerInputSpec(BaseInterfaceInputSpec):  # type: ignore[misc] # nipype has no types
    """How and with what a node computes.

    A new ``version`` of the package invalidates what an older one has left in the work folder.
    """

    device = traits.Str('cpu', usedefault=True, desc='auto, cpu, cuda or cuda:N')
    use_gpu = traits.Bool(nohash=True, desc='counts against n_gpu_procs')
    omp_nthreads = traits.Int(1, usedefault=True, nohash=True, desc='threads of torch')
    version = traits.Str('', usedefault=True, desc='of this package')
    parameters = traits.Str('{}', usedefault=True, desc='hyper-parameters by method, as JSON')


class EchoesInputSpec(WorkerInputSpec):
    """An acquisition, as ``bidsio.images.load_multi_echo`` takes it."""

    magnitude = InputMultiObject(File(exists=True), mandatory=True, desc='one image per echo')
    phase = InputMultiObject(File(exists=True), mandatory=True, desc='one image per echo')
    echo_times = traits.List(traits.Float, mandatory=True, desc='s')
    b0 = traits.Float(mandatory=True, desc='T')
    b0_dir = traits.Tuple(traits.Float, traits.Float, traits.Float, mandatory=True)
    voxel_size = traits.Tuple(traits.Float, traits.Float, traits.Float, mandatory=True, desc='mm')
    phase_slope = traits.Float(mandatory=True, desc='rad = slope * value + intercept')
    phase_intercept = traits.Float(mandatory=True, desc='rad')
    phase_sign = traits.Enum(1, -1, mandatory=True, usedefault=True)


class LoadedEchoesInputSpec(WorkerInputSpec):
    """An acquisition that a node before has loaded: arrays of float32, the echo first.

    The arrays are large, so nipype hashes ``fingerprint`` in their place.
    """

    magnitude = File(exists=True, mandatory=True, nohash=True, desc='npy, arbitrary units')
    phase = File(exists=True, mandatory=True, nohash=True, desc='npy, rad')
    fingerprint = traits.Str(mandatory=True, desc='of the files that the arrays were read from')
    echo_times = traits.List(traits.Float, mandatory=True, desc='s')
    b0 = traits.Float(mandatory=True, desc='T')
    b0_dir = traits.Tuple(traits.Float, traits.Float, traits.Float, mandatory=True)
    voxel_size = traits.Tuple(traits.Float, traits.Float, traits.Float, mandatory=True, desc='mm')


class FieldInputSpec(WorkerInputSpec):
    """A field in ppm, where it is known and how well.

    nipype hashes the ``fingerprint`` of the node that made the files in place of their content.
    """

    field = File(exists=True, mandatory=True, nohash=True, desc='ppm')
    noise = File(exists=True, mandatory=True, nohash=True, desc='standard deviation, ppm')
    mask = File(exists=True, mandatory=True, nohash=True, desc='where the field is known')
    magnitude = File(exists=True, nohash=True, desc='root of the sum of squares over the echoes')
    r2star = File(exists=True, nohash=True, desc='1/s')
    removed = File(exists=True, nohash=True, desc='what background removal took, ppm')
    removed_noise = File(exists=True, nohash=True, desc='of the total field, ppm')
    removed_mask = File(exists=True, nohash=True, desc='of the total field')
    fingerprint = traits.Str(mandatory=True, desc='of all that the files were made from')
    voxel_size = traits.Tuple(traits.Float, traits.Float, traits.Float, mandatory=True, desc='mm')
    b0_dir = traits.Tuple(traits.Float, traits.Float, traits.Float, mandatory=True)


class ReferenceInputSpec(FieldInputSpec):
    """A local field, and where the susceptibility that is made of it is zero on average."""

    reference = traits.Enum(*REGIONS, usedefault=True, desc='whose mean becomes zero')
    segmentation = File(exists=True, desc='image with labels')
    labels = traits.List(traits.Int, desc='of the segmentation, for the region')
    like = File(exists=True, desc='an image of the run, for the grid of the segmentation')


class MapOutputSpec(TraitedSpec):  # type: ignore[misc] # nipype has no types
    """The susceptibility."""

    chi = File(exists=True, desc='ppm')
    residual = File(exists=True, desc='field of chi minus the local field, ppm')
    quality = traits.Dict(desc='measures of the map')
    steps = traits.List(traits.Dict, desc='for the sidecar')
    fingerprint = traits.Str(desc='of all that the outputs were made from')


class OrientationsInputSpec(ReferenceInputSpec):
    """The local fields of several orientations; what has no ``other`` before it is the first's."""

    method = traits.Str('cosmos', usedefault=True, desc='of the inversion')
    weights_sha256 = traits.Str('', usedefault=True, desc='as other inversions have it')
    other_fields = InputMultiObject(File(exists=True), mandatory=True, nohash=True, desc='ppm')
    other_noises = InputMultiObject(File(exists=True), mandatory=True, nohash=True, desc='ppm')
    other_masks = InputMultiObject(File(exists=True), mandatory=True, nohash=True)
    other_magnitudes = InputMultiObject(File(exists=True), mandatory=True, nohash=True)
    other_fingerprints = InputMultiObject(traits.Str, mandatory=True, desc='of these files')
    names = traits.List(traits.Str, mandatory=True, desc='of all runs, for errors')
    other_b0_dirs = traits.List(
        traits.Tuple(traits.Float, traits.Float, traits.Float), mandatory=True
    )


def fingerprint(inputs: WorkerInputSpec) -> str:
    """Hash all that decides a node's outputs: its inputs, and theirs by their fingerprint.

    Parameters
    ----------
    inputs
        Of the node.
    """
    return str(inputs.get_hashval(hash_method='content')[1])


ECHOES = (
    'magnitude',
    'phase',
    'echo_times',
    'b0',
    'b0_dir',
    'voxel_size',
    'phase_slope',
    'phase_intercept',
    'phase_sign',
)
"""The inputs of ``EchoesInputSpec`` that are an ``Acquisition``'s fields."""
