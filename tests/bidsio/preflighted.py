"""What the tests of preflight share."""

import nibabel as nib
import numpy as np

from qsmnet_bids.bidsio.preflight import check
from qsmnet_bids.bidsio.query import find_runs


def preflight(dataset, **options):
    return check(find_runs(dataset.root), bids_dir=dataset.root, **options)


def only_problem(dataset, **options):
    result = preflight(dataset, **options)
    assert result.acquisitions == ()
    (problem,) = result.problems
    return problem


def read(path):
    image = nib.load(path)
    return np.asarray(image.dataobj), image.affine
