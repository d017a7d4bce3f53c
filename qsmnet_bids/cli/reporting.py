"""All pages of the output dataset, and what to cite. Loads what draws, and templates."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from qsmnet_bids.bidsio.atomic import write_text
from qsmnet_bids.errors import Failure, InputError
from qsmnet_bids.reports.citations import citation_files
from qsmnet_bids.reports.group import write_group
from qsmnet_bids.reports.html import write_subject_report
from qsmnet_bids.reports.records import RunRecord, find_sidecars, read_record

__all__ = ['write_group', 'write_reports']


def write_reports(
    output_dir: Path, subjects: Iterable[str], *, failures: Sequence[Failure] = ()
) -> None:
    """Write the reports of subjects and of failures, and what to cite for all runs there are.

    Parameters
    ----------
    output_dir
        Root of the output dataset.
    subjects
        Labels, without ``sub-``.
    failures
        Of this call.
    """
    for subject in sorted({*subjects, *(_subject(failure) for failure in failures)}):
        own = [failure for failure in failures if _subject(failure) == subject]
        write_subject_report(output_dir, subject, failures=own)
    records: list[RunRecord] = []
    for path in find_sidecars(output_dir):
        try:
            records.append(read_record(path))
        except InputError:  # the subject's report shows it
            continue
    if records:
        for name, content in citation_files(records).items():
            write_text(output_dir / 'logs' / name, content)


def _subject(failure: Failure) -> str:
    return failure.run.split('_')[0].removeprefix('sub-')
