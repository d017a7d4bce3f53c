"""What the phantom's tissues are, and where its structures lie in MNI space.

Susceptibilities follow J. P. Marques et al., Magn. Reson. Med. 86:526-542, 2021,
doi:10.1002/mrm.28716, with bone and blood within the ranges that are quoted there.
"""

from dataclasses import dataclass

from qsmnet_bids.phantom.shapes import Ellipsoid, Tube, mirrored

Shape = Ellipsoid | Tube


@dataclass(frozen=True)
class Tissue:
    """Properties of one kind of matter.

    Parameters
    ----------
    chi
        Susceptibility relative to water, ppm.
    proton_density
        Relative to water.
    r2star
        At 3 T, 1/s.
    t1
        s.
    """

    chi: float
    proton_density: float
    r2star: float
    t1: float


@dataclass(frozen=True)
class Structure:
    """A labelled part of the brain.

    Parameters
    ----------
    name
        As the segmentation's table has it.
    label
        Its value in the segmentation.
    tissue
        What it consists of.
    shapes
        Where it lies, both sides.
    within
        Tissue map that bounds it further: ``'gm'``, ``'wm'`` or None for the shapes alone.
    """

    name: str
    label: int
    tissue: Tissue
    shapes: tuple[Shape, ...]
    within: str | None = None


AIR = Tissue(chi=9.4, proton_density=0.0, r2star=0.0, t1=1.0)
BONE = Tissue(chi=-2.1, proton_density=0.02, r2star=500.0, t1=0.3)
SCALP = Tissue(chi=0.3, proton_density=0.8, r2star=30.0, t1=0.45)
MUSCLE = Tissue(chi=0.0, proton_density=0.7, r2star=30.0, t1=1.2)
EYE = Tissue(chi=0.02, proton_density=1.0, r2star=3.0, t1=4.0)

CSF = Tissue(chi=0.02, proton_density=1.0, r2star=3.0, t1=4.0)
GREY = Tissue(chi=0.02, proton_density=0.82, r2star=16.0, t1=1.4)
WHITE = Tissue(chi=-0.03, proton_density=0.7, r2star=21.0, t1=0.85)
BLOOD = Tissue(chi=0.25, proton_density=0.85, r2star=45.0, t1=1.6)

CSF_LABEL, GREY_LABEL, WHITE_LABEL, BLOOD_LABEL = 1, 2, 3, 12


def _both(*shapes: Shape) -> tuple[Shape, ...]:
    return shapes + tuple(mirrored(shape) for shape in shapes)


CORPUS_CALLOSUM = Structure(
    'corpus callosum',
    11,
    Tissue(chi=-0.04, proton_density=0.68, r2star=22.0, t1=0.8),
    (
        Ellipsoid((0, 24, 4), (9, 14, 15)),
        Ellipsoid((0, 2, 22), (9, 26, 9)),
        Ellipsoid((0, -24, 23), (9, 18, 9)),
        Ellipsoid((0, -36, 14), (9, 9, 12)),
    ),
    within='wm',
)

NUCLEI = (
    Structure(
        'caudate nucleus',
        4,
        Tissue(chi=0.06, proton_density=0.8, r2star=25.0, t1=1.3),
        _both(
            Ellipsoid((12, 14, 5), (7.5, 9, 12)),
            Tube(((13, 8, 13), (15, -4, 19), (18, -14, 22), (21, -24, 22)), 5.5),
        ),
        within='gm',
    ),
    Structure(
        'putamen',
        5,
        Tissue(chi=0.065, proton_density=0.8, r2star=29.0, t1=1.2),
        _both(Ellipsoid((26, 2, 0), (5.5, 17, 11), turn=14)),
    ),
    Structure(
        'globus pallidus',
        6,
        Tissue(chi=0.14, proton_density=0.75, r2star=45.0, t1=1.0),
        _both(Ellipsoid((19.5, -4, -1), (4, 9.5, 6), turn=22)),
    ),
    Structure(
        'thalamus',
        7,
        Tissue(chi=0.015, proton_density=0.78, r2star=21.0, t1=1.15),
        _both(Ellipsoid((11.5, -18, 8), (8, 14, 9), turn=22)),
    ),
    Structure(
        'red nucleus',
        8,
        Tissue(chi=0.11, proton_density=0.77, r2star=36.0, t1=1.05),
        _both(Ellipsoid((5.2, -20, -8.5), (3, 3, 4.2))),
    ),
    Structure(
        'substantia nigra',
        9,
        Tissue(chi=0.13, proton_density=0.76, r2star=39.0, t1=1.05),
        _both(Ellipsoid((10, -17.5, -12), (7, 2.4, 4), turn=-35)),
    ),
    Structure(
        'dentate nucleus',
        10,
        Tissue(chi=0.13, proton_density=0.77, r2star=34.0, t1=1.1),
        _both(Ellipsoid((15, -58, -34), (4, 9, 5), turn=25)),
    ),
)

CALCIFICATION = Structure(
    'calcification',
    13,
    Tissue(chi=-0.8, proton_density=0.35, r2star=70.0, t1=0.9),
    (Ellipsoid((-29, -36, 27), (3.5, 4.2, 3.2)),),
)
BLEED = Structure(
    'haemorrhage',
    14,
    Tissue(chi=0.8, proton_density=0.6, r2star=110.0, t1=1.0),
    (Ellipsoid((28, 26, 20), (5.5, 4.6, 4.2), turn=20),),
)

VEINS = (
    Tube(  # superior sagittal sinus
        (
            (0, 68, 18), (0, 62, 38), (0, 46, 58), (0, 22, 72), (0, -6, 79), (0, -34, 79),
            (0, -62, 69), (0, -86, 48), (0, -100, 22), (0, -104, 0), (0, -100, -10),
        ),
        2.8,
    ),
    Tube(((0, -47, 15), (0, -66, 0), (0, -88, -18)), 1.7),  # straight sinus
    Tube(((0, -36, 8), (0, -43, 9), (0, -47, 15)), 2.0),  # vein of Galen
    *_both(
        Tube(((3, 4, 12), (3, -8, 16), (2.5, -24, 14), (0, -36, 8)), 1.2),  # internal cerebral
        Tube(((17, -16, 21), (13, -2, 17), (6, 4, 13), (3, 4, 12)), 0.9),  # thalamostriate
        Tube(((12, -4, -16), (16, -16, -12), (13, -30, -4), (0, -38, 7)), 0.9),  # basal
        Tube(((2, -102, -12), (30, -92, -20), (54, -68, -24), (62, -46, -32)), 2.2),  # transverse
    ),
)  # fmt: skip

FACE = (
    Ellipsoid((0, 40, -58), (64, 58, 62)),
    Tube(((0, -38, -40), (0, -44, -170)), 56.0),
    Ellipsoid((0, 98, -42), (11, 14, 16)),
)
"""Soft tissue besides the scalp: the face, the neck, the nose."""

SKELETON = (Tube(((0, -42, -76), (0, -50, -170)), 11.0),)
"""Bone besides the skull: the spine, up to the head's base."""

EYES = _both(Ellipsoid((33, 58, -36), (12, 12, 12)))

CAVITIES = (
    *_both(
        Ellipsoid((9, 81, 0), (9, 5, 11)),  # frontal sinus
        Ellipsoid((7, 46, -36), (5, 17, 9)),  # ethmoid cells
        Ellipsoid((29, 50, -62), (11, 14, 13)),  # maxillary sinus
        Tube(((48, -24, -40), (100, -26, -44)), 3.6),  # ear canal
        Ellipsoid((52, -34, -44), (7, 8, 9)),  # mastoid cells
    ),
    Ellipsoid((0, 16, -36), (10, 10, 8)),  # sphenoid sinus
    Tube(((0, 74, -66), (0, 20, -64), (0, 6, -80), (0, -2, -170)), 8.0),  # nose and throat
)
"""Air inside the head, wherever it does not touch the brain."""

STRUCTURES = (CORPUS_CALLOSUM, *NUCLEI, CALCIFICATION, BLEED)

LABELS = {
    CSF_LABEL: 'cerebrospinal fluid',
    GREY_LABEL: 'grey matter',
    WHITE_LABEL: 'white matter',
    BLOOD_LABEL: 'vein',
    **{structure.label: structure.name for structure in STRUCTURES},
}
"""Names of the segmentation's values; 0 is what lies outside the brain."""
