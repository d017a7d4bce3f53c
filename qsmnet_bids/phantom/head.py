"""The head around the brain: scalp, skull, face, neck and the air in them."""

from qsmnet_bids.phantom import anatomy
from qsmnet_bids.phantom.anatomy import Shape, Tissue
from qsmnet_bids.phantom.canvas import Canvas
from qsmnet_bids.phantom.shapes import shell, soft_step
from qsmnet_bids.tensors import Volume

SKULL_MM = (1.2, 8.5)
SCALP_MM = 14.5
CLEARANCE_MM = 1.5
"""Air stays this far from the brain."""


def paint_head(canvas: Canvas, distance: Volume) -> None:
    """Paint all that lies outside the brain; what lies inside the skull becomes water.

    Parameters
    ----------
    canvas
        Filled with air.
    distance
        From the brain's surface, mm, negative inside.
    """
    edge = canvas.edge
    _paint(canvas, distance, anatomy.FACE, anatomy.MUSCLE)
    _paint(canvas, distance, anatomy.EYES, anatomy.EYE)
    canvas.paint(shell(distance, inner=SKULL_MM[1], outer=SCALP_MM, edge=edge), anatomy.SCALP)
    canvas.paint(soft_step(SKULL_MM[1] - distance, edge=edge), anatomy.BONE)
    canvas.paint(soft_step(SKULL_MM[0] - distance, edge=edge), anatomy.CSF)
    _paint(canvas, distance, anatomy.SKELETON, anatomy.BONE)
    _paint(canvas, distance, anatomy.CAVITIES, anatomy.AIR)


def _paint(canvas: Canvas, distance: Volume, shapes: tuple[Shape, ...], tissue: Tissue) -> None:
    """Paint shapes where they are clear of the brain."""
    boxes = [shape.bounds for shape in shapes]
    window, part = canvas.window(*boxes), canvas.part_of(*boxes)
    clear = soft_step(distance[part] - CLEARANCE_MM, edge=canvas.edge)
    window.paint(window.cover(shapes) * clear, tissue)
