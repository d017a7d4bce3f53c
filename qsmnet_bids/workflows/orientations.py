"""The runs that become one map, beside the first of them."""

from collections.abc import Sequence

from nipype.interfaces.utility import Merge
from nipype.pipeline.engine import Node, Workflow

from qsmnet_bids.bidsio.acquisition import Acquisition
from qsmnet_bids.interfaces.specs import ECHOES

PHYSICS = ('echo_times', 'b0', 'b0_dir', 'voxel_size')
GATHERED = {
    'other_fields': ('remove_background', 'field'),
    'other_noises': ('remove_background', 'noise'),
    'other_masks': ('remove_background', 'mask'),
    'other_magnitudes': ('fit_field', 'sum_of_squares'),
    'other_fingerprints': ('remove_background', 'fingerprint'),
}
"""What the inversion takes of the others, and where it comes from."""


def add_orientations(workflow: Workflow, orientations: Sequence[Acquisition]) -> None:
    """Add the way of further orientations up to the local field, and give all to the inversion.

    Parameters
    ----------
    workflow
        Of the first orientation, whose ``invert_dipole`` takes several.
    orientations
        The first one and the others; none where the run has a map of its own: then nothing is
        added.
    """
    if not orientations:
        return
    others = orientations[1:]
    names = ('mask_run', 'fit_field', 'remove_background', 'invert_dipole')
    templates = {name: workflow.get_node(name) for name in names}
    invert_dipole = templates.pop('invert_dipole')
    invert_dipole.inputs.names = [run.name for run in orientations]
    invert_dipole.inputs.other_b0_dirs = [other.b0_dir for other in others]
    gathered = {
        target: Node(Merge(len(others)), name=target, run_without_submitting=True)
        for target in GATHERED
    }
    for number, other in enumerate(others, 1):
        own = {name: node.clone(f'{name}_{number + 1}') for name, node in templates.items()}
        _describe(own, other)
        mask_run, fit_field, remove_background = own.values()
        loaded = [(name, name) for name in ('mask', 'magnitude', 'phase', 'fingerprint')]
        handed = [(name, name) for name in ('field', 'noise', 'fingerprint')]
        companions = [('sum_of_squares', 'magnitude'), ('r2star', 'r2star')]
        workflow.connect(
            [
                (mask_run, fit_field, loaded),
                (mask_run, remove_background, [('mask', 'mask')]),
                (fit_field, remove_background, [*handed, *companions]),
            ]
        )
        for target, (name, output) in GATHERED.items():
            workflow.connect(own[name], output, gathered[target], f'in{number}')
    for target, merge in gathered.items():
        workflow.connect(merge, 'out', invert_dipole, target)


def _describe(nodes: dict[str, Node], acquisition: Acquisition) -> None:
    """Give nodes that were made for another run the images and the geometry of this one."""
    values = {name: getattr(acquisition, name) for name in ECHOES}
    values |= {key: [str(path) for path in values[key]] for key in ('magnitude', 'phase')}
    values['echo_times'] = list(acquisition.echo_times)
    nodes['mask_run'].inputs.trait_set(**values)
    if acquisition.mask is not None:
        nodes['mask_run'].inputs.provided = str(acquisition.mask)
    nodes['fit_field'].inputs.trait_set(**{name: values[name] for name in PHYSICS})
    geometry = {name: values[name] for name in ('voxel_size', 'b0_dir')}
    nodes['remove_background'].inputs.trait_set(**geometry)
