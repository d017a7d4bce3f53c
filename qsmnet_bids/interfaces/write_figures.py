"""The figures of a run, brought to the output dataset.

Apart from the maps, so that maps are written whatever becomes of their figures.
"""

from pathlib import Path

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    Bunch,
    File,
    InputMultiObject,
    OutputMultiObject,
    SimpleInterface,
    TraitedSpec,
    traits,
)

from qsmnet_bids.bidsio.atomic import write_bytes


class WriteFiguresInputSpec(BaseInterfaceInputSpec):  # type: ignore[misc] # nipype has no types
    """What was drawn, and for whom."""

    figures = InputMultiObject(File(exists=True), mandatory=True, desc='PNG')
    subject = traits.Str(mandatory=True, desc='label, without sub-')
    output_dir = traits.Str(mandatory=True, desc='root of the output dataset')


class WriteFiguresOutputSpec(TraitedSpec):  # type: ignore[misc] # nipype has no types
    """What was written."""

    out_files = OutputMultiObject(File(exists=True))


class WriteFigures(SimpleInterface):  # type: ignore[misc] # nipype has no types
    """Copy figures to the output dataset.

    Runs each time: what lies in the output folder is not known to the work folder.
    """

    input_spec = WriteFiguresInputSpec
    output_spec = WriteFiguresOutputSpec
    _always_run = True

    def _run_interface(self, runtime: Bunch) -> Bunch:
        folder = Path(self.inputs.output_dir) / f'sub-{self.inputs.subject}' / 'figures'
        for figure in map(Path, self.inputs.figures):
            write_bytes(folder / figure.name, figure.read_bytes())
        names = [Path(figure).name for figure in self.inputs.figures]
        self._results['out_files'] = [str(folder / name) for name in names]
        return runtime
