"""One run, from its files to its derivatives."""

from collections.abc import Callable
from pathlib import Path

from nipype.interfaces.base import SimpleInterface
from nipype.pipeline.engine import Node, Workflow

from qsmnet_bids import __version__
from qsmnet_bids.bidsio.acquisition import Acquisition
from qsmnet_bids.bidsio.segmentations import Segmentation
from qsmnet_bids.interfaces.combine_passes import CombinePasses
from qsmnet_bids.interfaces.draw_figures import DrawFigures
from qsmnet_bids.interfaces.estimate_uncertainty import EstimateUncertainty
from qsmnet_bids.interfaces.fit_field import FitField
from qsmnet_bids.interfaces.invert_dipole import InvertDipole
from qsmnet_bids.interfaces.invert_orientations import InvertOrientations
from qsmnet_bids.interfaces.mask_run import MaskRun
from qsmnet_bids.interfaces.remove_background import RemoveBackground
from qsmnet_bids.interfaces.specs import ECHOES
from qsmnet_bids.interfaces.weigh_magnitude import WeighMagnitude
from qsmnet_bids.interfaces.write_derivatives import WriteDerivatives
from qsmnet_bids.interfaces.write_figures import WriteFigures
from qsmnet_bids.weights.cards import is_one_step, uncertainty_factor
from qsmnet_bids.workflows.extras import (
    COMPANIONS,
    add_regions,
    add_two_pass,
    add_uncertainty,
    add_weighting,
    handed_on,
)
from qsmnet_bids.workflows.memory import memory_gb
from qsmnet_bids.workflows.methods import Methods, network_gb, weights_of
from qsmnet_bids.workflows.orientations import add_orientations
from qsmnet_bids.workflows.regions import measuring
from qsmnet_bids.workflows.resources import available_gpus

LOADED = ('magnitude', 'phase', 'fingerprint')
"""What the first node hands to those that would read the images again."""


def init_acquisition_wf(
    *,
    acquisition: Acquisition,
    methods: Methods,
    bids_dir: Path,
    output_dir: Path,
    save_fields: bool = False,
    device: str = 'cpu',
    omp_nthreads: int = 1,
    atlas: Segmentation | None = None,
) -> Workflow:
    """Build the workflow of one run; its name is the run's.

    Parameters
    ----------
    acquisition
        The run.
    methods
        Of the stages.
    bids_dir, output_dir
        Roots of the raw and the output dataset.
    save_fields
        Whether total and local field become derivatives.
    device
        ``'auto'``, ``'cpu'``, ``'cuda'`` or ``'cuda:N'``: for the stages that a GPU makes faster.
    omp_nthreads
        Threads of each node.
    atlas
        Whose regions are measured; None for none.
    """
    gpu = {'device': device, 'use_gpu': device != 'cpu' and available_gpus() > 0}
    stages = _stages(acquisition, methods, gpu | {'omp_nthreads': omp_nthreads})
    places = {'bids_dir': str(bids_dir), 'output_dir': str(output_dir)}
    weights = weights_of(methods.inversion)
    copying = WriteFigures(subject=acquisition.subject, output_dir=str(output_dir))
    writing = WriteDerivatives(acquisition=acquisition, version=__version__, **places)
    if weights:
        writing.inputs.weights = weights

    def node(interface: SimpleInterface, name: str, *, n_procs: int = omp_nthreads) -> Node:
        size = memory_gb(
            name,
            acquisition.shape,
            n_echoes=len(acquisition.echo_times),
            n_orientations=max(1, len(acquisition.orientations)),
        )
        size = max(size, network_gb(acquisition, methods, name))
        # a GPU does the work; the node must not wait for as many processors as others compute on
        needed = 1 if getattr(interface.inputs, 'use_gpu', False) else n_procs
        return Node(interface, name=name, mem_gb=size, n_procs=needed)

    mask_run = node(stages['mask_run'], 'mask_run')
    fit_field = node(stages['fit_field'], 'fit_field')
    remove_background = node(stages['remove_background'], 'remove_background')
    invert_dipole = node(stages['invert_dipole'], 'invert_dipole')
    draw_figures = node(stages['draw_figures'], 'draw_figures', n_procs=1)
    write_figures = Node(copying, name='write_figures', run_without_submitting=True)
    write_derivatives = node(writing, 'write_derivatives', n_procs=1)

    workflow = Workflow(name=acquisition.name)
    workflow.connect(
        [
            (mask_run, fit_field, _same('mask', *LOADED)),
            (mask_run, remove_background, _same('mask')),
            (fit_field, remove_background, _same('field', 'noise', 'fingerprint')),
            (fit_field, remove_background, COMPANIONS),
            (fit_field, invert_dipole, COMPANIONS),
            (remove_background, invert_dipole, handed_on(remove_background)),
            (mask_run, draw_figures, _same('mask', 'magnitude', 'phase')),
            (fit_field, draw_figures, [('field', 'total'), *_same('r2star', 'unwrapped')]),
            (remove_background, draw_figures, [('field', 'local')]),
            (draw_figures, write_figures, _same('figures')),
            (mask_run, write_derivatives, [('mask', 'mask'), ('steps', 'mask_steps')]),
            (fit_field, write_derivatives, _same('r2star', 't2star', 's0')),
            (
                fit_field,
                write_derivatives,
                [('steps', 'field_steps'), ('quality', 'field_quality')],
            ),
            (remove_background, write_derivatives, [('steps', 'background_steps')]),
        ]
    )
    add_orientations(workflow, acquisition.orientations)
    mapping = invert_dipole
    if methods.two_pass:
        mapping = node(stages['combine_passes'], 'combine_passes')
        add_two_pass(workflow, combine_passes=mapping)
    workflow.connect(mapping, 'steps', write_derivatives, 'inversion_steps')
    workflow.connect(
        [
            (mapping, draw_figures, _same('chi', 'residual', 'fingerprint')),
            (mapping, write_derivatives, _same('chi', 'quality')),
        ]
    )
    for name, add in _asked_for(methods).items():
        add(workflow, node(stages[name], name))
    regional = measuring(acquisition, atlas, inversion=methods.inversion, output_dir=output_dir)
    for name, interface in regional.items():
        measure_regions = node(interface, name, n_procs=1)
        add_regions(workflow, measure_regions=measure_regions, mapping=mapping)
    if save_fields:
        workflow.connect(fit_field, 'field', write_derivatives, 'total')
        workflow.connect(remove_background, 'field', write_derivatives, 'local')
    return workflow


def _asked_for(methods: Methods) -> dict[str, Callable[[Workflow, Node], None]]:
    """Give what adds further nodes to the workflow, by their names."""
    adding = {
        'estimate_uncertainty': (methods.uncertainty, add_uncertainty),
        'weigh_magnitude': (methods.swi, add_weighting),
    }
    return {name: add for name, (is_asked_for, add) in adding.items() if is_asked_for}


def _stages(
    acquisition: Acquisition, methods: Methods, resources: dict[str, object]
) -> dict[str, SimpleInterface]:
    """Make what the nodes do, by the names of the nodes."""
    echoes = _echo_inputs(acquisition)
    common = {'omp_nthreads': resources['omp_nthreads'], 'version': __version__}
    physics = {name: echoes[name] for name in ('echo_times', 'b0', 'b0_dir', 'voxel_size')}
    geometry = {'voxel_size': acquisition.voxel_size, 'b0_dir': acquisition.b0_dir, **common}
    like = str(acquisition.magnitude[0])
    masking = MaskRun(
        method=methods.masking,
        parameters=methods.parameters_of(methods.masking, 'two_pass'),
        **echoes,
        **common,
    )
    if acquisition.mask is not None:
        masking.inputs.provided = str(acquisition.mask)
    fitting = FitField(
        method=methods.fieldmap,
        unwrapping=methods.unwrapping,
        parameters=methods.parameters_of(methods.fieldmap, methods.unwrapping),
        **physics,
        **common,
    )
    removal = RemoveBackground(
        method=methods.background,
        parameters=methods.parameters_of(methods.background),
        weights_sha256=weights_of(methods.background).get('sha256', ''),
        is_one_step=is_one_step(methods.inversion),
        **geometry | resources,
    )
    invert = InvertOrientations if acquisition.orientations else InvertDipole
    inversion = invert(
        method=methods.inversion,
        parameters=methods.parameters_of(methods.inversion),
        weights_sha256=weights_of(methods.inversion).get('sha256', ''),
        **geometry | resources,
    )
    estimation = EstimateUncertainty(
        method=methods.inversion,
        parameters=methods.parameters_of(methods.inversion, 'uncertainty'),
        weights_sha256=weights_of(methods.inversion).get('sha256', ''),
        factor=uncertainty_factor(methods.inversion),
        **geometry | resources,
    )
    combining = CombinePasses(**geometry)
    mapping = combining if methods.two_pass else inversion
    mapping.inputs.reference = methods.reference
    if methods.reference == 'segmentation':
        mapping.inputs.segmentation = str(acquisition.segmentation)
        mapping.inputs.labels = list(methods.labels)
        mapping.inputs.like = like
    drawing = DrawFigures(name=acquisition.name, suffix=acquisition.suffix, like=like, **physics)
    drawing.inputs.inversion = methods.inversion
    drawing.inputs.version = __version__
    weighing = WeighMagnitude(parameters=methods.parameters_of('swi'), **physics, **common)
    return {
        'mask_run': masking,
        'fit_field': fitting,
        'remove_background': removal,
        'invert_dipole': inversion,
        'estimate_uncertainty': estimation,
        'combine_passes': combining,
        'weigh_magnitude': weighing,
        'draw_figures': drawing,
    }


def _echo_inputs(acquisition: Acquisition) -> dict[str, object]:
    """Give the inputs of a node that reads the run's images."""
    inputs = {name: getattr(acquisition, name) for name in ECHOES}
    files = {key: [str(path) for path in inputs[key]] for key in ('magnitude', 'phase')}
    return inputs | files | {'echo_times': list(acquisition.echo_times)}


def _same(*names: str) -> list[tuple[str, str]]:
    """Connect outputs to inputs of the same name."""
    return [(name, name) for name in names]
