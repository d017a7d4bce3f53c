"""What one run of the app was asked to do. Built once by the command line, saved as TOML."""

from dataclasses import dataclass, field
from pathlib import Path

MASKINGS = ('combined', 'threshold', 'phase_quality')
UNWRAPPINGS = ('best_path', 'laplacian')
FIELDMAPS = ('weighted_mean',)
BACKGROUNDS = ('vsharp',)
INVERSIONS = ('tikhonov', 'tkd', 'deepqsm')
REFERENCES = ('mask', 'none')
"""Names of the methods, so that the command line need not import torch to offer them; a test holds
them equal to the stages' registries."""


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
    derivatives
        Derivative datasets with masks, by name.
    mask
        ``desc`` entity of the masks to take from ``derivatives``; None to compute masks.
    field_strength
        T, for datasets whose sidecars lack it.
    phase_sign
        1 or -1; None to decide by the sidecar's manufacturer.
    masking, unwrapping, fieldmap, background, inversion, reference
        Method of each stage.
    parameters
        Hyper-parameters that differ from the defaults, by method.
    save_fields
        Whether total and local field are written.
    device
        ``'auto'``, ``'cpu'``, ``'cuda'`` or ``'cuda:N'``.
    n_procs, omp_nthreads, memory_gb
        Processes, threads in each, and memory of the whole run; None for what the machine allows.
    low_mem
        Tile the networks and run one stage at a time.
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
    masking: str = 'combined'
    unwrapping: str = 'best_path'
    fieldmap: str = 'weighted_mean'
    background: str = 'vsharp'
    inversion: str = 'tikhonov'
    reference: str = 'mask'
    parameters: dict[str, dict[str, float]] = field(default_factory=dict)
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
    validate_output: bool = False
    verbosity: int = 0
