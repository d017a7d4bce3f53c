"""All subjects of a dataset."""

from collections.abc import Sequence
from pathlib import Path

from nipype.pipeline.engine import Workflow

NAME = 'qsmnet_bids'


def init_dataset_wf(*, subject_workflows: Sequence[Workflow], work_dir: Path) -> Workflow:
    """Put the subjects' workflows, which do not depend on each other, into one.

    Parameters
    ----------
    subject_workflows
        One per subject.
    work_dir
        For the nodes' folders.
    """
    workflow = Workflow(name=NAME, base_dir=str(work_dir))
    if subject_workflows:
        workflow.add_nodes(list(subject_workflows))
    return workflow
