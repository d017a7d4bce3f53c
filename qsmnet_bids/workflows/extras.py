"""Nodes that a run has only if they were asked for."""

from nipype.pipeline.engine import Node, Workflow

from qsmnet_bids.interfaces.measure_atlas import MeasureAtlas

COMPANIONS = [('sum_of_squares', 'magnitude'), ('r2star', 'r2star')]
"""What the field's fit hands on beside the field."""
LOCAL = ('field', 'noise', 'mask', 'fingerprint')
TAKEN = ('removed', 'removed_noise', 'removed_mask')


def handed_on(remove_background: Node) -> list[tuple[str, str]]:
    """Tell what a background removal hands to an inversion, as nipype has connections.

    Parameters
    ----------
    remove_background
        Its ``is_one_step`` says whether what it takes from the field is handed on, too.
    """
    names = LOCAL + (TAKEN if remove_background.inputs.is_one_step else ())
    return [(name, name) for name in names]


def add_two_pass(workflow: Workflow, *, combine_passes: Node) -> None:
    """Add the first of two passes, like the one there is but for the voxels that it sees.

    Parameters
    ----------
    workflow
        Of a run, with the nodes of one pass.
    combine_passes
        Makes one map of both, and chooses its zero.
    """
    names = ('mask_run', 'fit_field', 'remove_background', 'invert_dipole')
    mask_run, fit_field, second_background, second_inversion = map(workflow.get_node, names)
    mask_run.inputs.two_pass = True
    second_inversion.inputs.reference = 'none'
    first_background = second_background.clone('first_background')
    first_inversion = second_inversion.clone('first_inversion')
    of_field = [('field', 'field'), ('noise', 'noise'), ('fingerprint', 'fingerprint')]
    workflow.connect(
        [
            (mask_run, first_background, [('mask', 'mask'), ('reliable', 'reliable')]),
            (fit_field, first_background, [*of_field, *COMPANIONS]),
            (first_background, first_inversion, handed_on(first_background)),
            (fit_field, first_inversion, COMPANIONS),
            (first_background, combine_passes, [('mask', 'first_mask')]),
            (first_background, combine_passes, [('steps', 'first_background_steps')]),
            (first_inversion, combine_passes, [('chi', 'first_chi'), ('steps', 'first_steps')]),
            (first_inversion, combine_passes, [('fingerprint', 'first_fingerprint')]),
            (second_background, combine_passes, [*of_field[:2], ('mask', 'mask')]),
            (second_inversion, combine_passes, [('chi', 'chi'), ('steps', 'steps')]),
            (second_inversion, combine_passes, [('fingerprint', 'fingerprint')]),
            (fit_field, combine_passes, COMPANIONS),
        ]
    )


def add_uncertainty(workflow: Workflow, estimate_uncertainty: Node) -> None:
    """Add the uncertainty of the map, of each of two passes where there are two.

    Parameters
    ----------
    workflow
        Of a run, with its passes.
    estimate_uncertainty
        Makes it of the local field that the map is made of.
    """
    names = ('fit_field', 'remove_background', 'draw_figures', 'write_derivatives')
    fit_field, remove_background, draw_figures, write_derivatives = map(workflow.get_node, names)
    passes = {estimate_uncertainty: remove_background}
    first_background = workflow.get_node('first_background')
    if first_background is not None:
        first_uncertainty = estimate_uncertainty.clone('first_uncertainty')
        passes[first_uncertainty] = first_background
        made = [(name, f'first_{name}') for name in ('fingerprint', 'steps')]
        workflow.connect(
            [
                (first_uncertainty, estimate_uncertainty, [('uncertainty', 'first'), *made]),
                (first_background, estimate_uncertainty, [('mask', 'first_mask')]),
            ]
        )
    for estimating, background in passes.items():
        local = handed_on(background)
        workflow.connect([(background, estimating, local), (fit_field, estimating, COMPANIONS)])
    told = [(name, f'uncertainty_{name}') for name in ('fingerprint', 'steps', 'quality')]
    volume = ('uncertainty', 'uncertainty')
    workflow.connect(
        [
            (estimate_uncertainty, draw_figures, [volume, told[0]]),
            (estimate_uncertainty, write_derivatives, [volume, *told[1:]]),
        ]
    )


def add_regions(workflow: Workflow, *, measure_regions: Node, mapping: Node) -> None:
    """Add the statistics of regions.

    Parameters
    ----------
    workflow
        Of a run.
    measure_regions
        Writes them.
    mapping
        Makes the map.
    """
    fit_field, remove_background = map(workflow.get_node, ('fit_field', 'remove_background'))
    workflow.connect(
        [
            (fit_field, measure_regions, [('r2star', 'r2star')]),
            (remove_background, measure_regions, [('mask', 'mask')]),
            (mapping, measure_regions, [('chi', 'chi')]),
        ]
    )
    if isinstance(measure_regions.interface, MeasureAtlas):
        workflow.connect(fit_field, 'sum_of_squares', measure_regions, 'magnitude')


def add_weighting(workflow: Workflow, weigh_magnitude: Node) -> None:
    """Add the susceptibility-weighted images.

    Parameters
    ----------
    workflow
        Of a run.
    weigh_magnitude
        Makes them.
    """
    names = ('mask_run', 'draw_figures', 'write_derivatives')
    mask_run, draw_figures, write_derivatives = map(workflow.get_node, names)
    loaded = [(name, name) for name in ('mask', 'magnitude', 'phase', 'fingerprint')]
    images = [('swi', 'swi'), ('minip', 'minip')]
    workflow.connect(
        [
            (mask_run, weigh_magnitude, loaded),
            (weigh_magnitude, draw_figures, images),
            (weigh_magnitude, write_derivatives, [*images, ('steps', 'weighting_steps')]),
        ]
    )
