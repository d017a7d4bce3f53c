"""What one run of the app was asked to do. Built once by the command line, saved as TOML."""

from dataclasses import dataclass, field
from pathlib import Path

MASKINGS = ('combined', 'threshold', 'phase_quality', 'otsu')
UNWRAPPINGS = ('best_path', 'laplacian', 'romeo')
FIELDMAPS = ('weighted_mean', 'linear_fit', 'nonlinear_fit')
BACKGROUNDS = (
    'lbv',
    'vsharp',
    'resharp',
    'ismv',
    'sharp',
    'pdf',
    'harmonics',
    'harmonics_vsharp',
    'highpass',
    'backgroundnet',
)
INVERSIONS = (
    'dipolenet',
    'onestepnet',
    'deepqsm',
    'tikhonov',
    'tkd',
    'tsvd',
    'tv',
    'rts',
    'ndi',
    'fansi',
    'medi',
    'ilsqr',
    'star',
)
JOINT_INVERSIONS = ('cosmos',)
REFERENCES = ('mask', 'csf', 'segmentation', 'none')
"""Names of the methods, so that the command line need not import torch to offer them; a test holds
them equal to the stages' registries."""

PRESETS: dict[str, dict[str, str]] = {
    'classical': {
        'masking': 'combined',
        'unwrapping': 'romeo',
        'fieldmap': 'weighted_mean',
        'background': 'lbv',
        'inversion': 'fansi',
    },
    'network': {
        'masking': 'combined',
        'unwrapping': 'romeo',
        'fieldmap': 'weighted_mean',
        'background': 'lbv',
        'inversion': 'dipolenet',
    },
}
"""Methods that go by one name; a method that is given by its own option wins."""

Parameters = dict[str, dict[str, bool | int | float | str]]
"""Hyper-parameters by method and name."""


@dataclass(frozen=True)
class Settings:
    """Everything that decides the result and the way of a run.

    Parameters
    ----------
    bids_dir, output_dir, work_dir
        Input dataset, derivatives, intermediate files.
    analysis_levels
        ``'participant'``, ``'group'`` or both, in that order.
    participant_labels, session_labels
        Without ``sub-`` and ``ses-``; empty for all.
    bids_filter_file, bids_database_dir
        As fMRIPrep has them.
    skip_bids_validation
        Whether the input is taken as it is.
    derivatives
        Derivative datasets with masks and segmentations, by name.
    mask
        ``desc`` entity of the masks to take from ``derivatives``; None to compute masks.
    field_strength
        T, for datasets whose sidecars lack it.
    phase_sign
        1 or -1; None to decide by the sidecar's manufacturer.
    preset
        Set of methods that was asked for; None for none. The methods themselves follow.
    masking, unwrapping, fieldmap, background, inversion, reference
        Method of each stage.
    segmentation
        ``desc`` entity of the segmentations to take from ``derivatives``; None for none.
    atlas
        Image in MNI152 space and table of its regions, which are measured; empty for none.
    reference_labels
        Values of the segmentation whose voxels are the reference region.
    two_pass
        Whether a map from the voxels of reliable phase and one from the whole mask become one.
    uncertainty
        Whether the uncertainty of the susceptibility is estimated too.
    swi
        Whether susceptibility-weighted images are made too.
    parameters
        Hyper-parameters that differ from the defaults, by method and name.
    save_fields
        Whether total and local field are written.
    device
        ``'auto'``, ``'cpu'``, ``'cuda'`` or ``'cuda:N'``.
    n_procs, omp_nthreads, memory_gb
        Processes, threads in each, and memory of the whole run; None for what the machine allows.
    low_mem
        Tile the networks and run one stage at a time.
    nipype_plugin_file
        YAML file with ``plugin`` and ``plugin_args``, in place of the app's own plugin.
    clean_workdir
        Whether the work folder is emptied first.
    stop_on_first_crash
        Whether the first failure ends everything.
    dry_run
        Whether to say what would be done, and do nothing.
    write_graph
        Whether the graph of the workflow is drawn.
    reports_only
        Whether to write the reports anew from what is there.
    group_maps
        Whether the group level writes mean and standard deviation of maps that lie on one grid.
    validate_output
        Whether bids-validator-deno checks the output.
    verbosity
        0 for warnings, 1 for information, 2 for everything.
    """

    bids_dir: Path
    output_dir: Path
    work_dir: Path
    analysis_levels: tuple[str, ...] = ('participant',)
    participant_labels: tuple[str, ...] = ()
    session_labels: tuple[str, ...] = ()
    bids_filter_file: Path | None = None
    bids_database_dir: Path | None = None
    skip_bids_validation: bool = False
    derivatives: dict[str, Path] = field(default_factory=dict)
    mask: str | None = None
    field_strength: float | None = None
    phase_sign: int | None = None
    preset: str | None = None
    masking: str = 'combined'
    unwrapping: str = 'best_path'
    fieldmap: str = 'weighted_mean'
    background: str = 'lbv'
    inversion: str = 'dipolenet'
    reference: str = 'mask'
    segmentation: str | None = None
    atlas: tuple[Path, ...] = ()
    reference_labels: tuple[int, ...] = ()
    two_pass: bool = False
    uncertainty: bool = False
    swi: bool = False
    parameters: Parameters = field(default_factory=dict)
    save_fields: bool = False
    device: str = 'auto'
    n_procs: int | None = None
    omp_nthreads: int | None = None
    memory_gb: float | None = None
    low_mem: bool = False
    nipype_plugin_file: Path | None = None
    clean_workdir: bool = False
    stop_on_first_crash: bool = False
    dry_run: bool = False
    write_graph: bool = False
    reports_only: bool = False
    group_maps: bool = False
    validate_output: bool = False
    verbosity: int = 0
