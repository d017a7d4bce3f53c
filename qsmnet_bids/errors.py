"""Errors that a user can mend, each naming the file, the field, what was found and the remedy."""

import errno
from dataclasses import dataclass


class QsmError(Exception):
    """Base of all errors that are shown to the user as one plain sentence."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the input.

    Parameters
    ----------
    file
        Path of the file, as the user would find it.
    field
        The part of the file: a sidecar's key, ``'shape'``, ``'affine'``, ``'data'``.
    found
        What stands there.
    remedy
        What the user can do.
    subject
        Label of the subject that it concerns, without ``sub-``; empty if the whole dataset.
    """

    file: str
    field: str
    found: str
    remedy: str
    subject: str = ''

    def __str__(self) -> str:
        """Write the problem on one line."""
        return f'{self.file}: {self.field}: {self.found}; {self.remedy}'


class InputError(QsmError):
    """Input files that cannot be processed as they are."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__('\n'.join(str(problem) for problem in problems))

    def __reduce__(self) -> tuple[type['InputError'], tuple[Problem, ...]]:
        """Pickle by the problems, since workers send exceptions to the parent."""
        return type(self), self.problems


class SettingsError(QsmError):
    """Arguments or a configuration file that cannot be used as they are."""


class MethodError(QsmError):
    """Data that a method cannot work with; the sentence says why, and what to choose instead."""


class WeightsError(QsmError):
    """A weights file that is missing, damaged, or not the one its model card describes."""


class StorageError(QsmError):
    """A file or folder that the system could not write or read."""


_SPACE = 'free some space there, or choose another folder; the same command then goes on'
_ACCESS = 'allow it, or choose another folder'
_REMEDIES = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EROFS: _ACCESS,
    errno.EACCES: _ACCESS,
    errno.EPERM: _ACCESS,
    errno.ENOENT: 'nobody may move or remove it meanwhile; the same command then goes on',
}


def storage_error(error: OSError, *, place: str = '') -> StorageError:
    """Say in a sentence what the system refused: the file, the reason, the remedy.

    Parameters
    ----------
    error
        Of the system.
    place
        File or folder, for errors that name none.

    >>> str(storage_error(OSError(errno.EROFS, 'Read-only file system'), place='/out'))
    '/out: Read-only file system; allow it, or choose another folder'
    """
    file = error.filename or place
    reason = error.strerror or str(error)
    remedy = _REMEDIES.get(error.errno or 0, 'check the disk and the permissions')
    return StorageError(f'{f"{file}: " if file else ""}{reason}; {remedy}')


@dataclass(frozen=True)
class Failure:
    """A run that did not finish.

    Parameters
    ----------
    run
        Name of the run, such as ``sub-01_ses-a_run-1``.
    step
        The stage that failed.
    cause
        One sentence.
    crash_file
        Path of the full record; empty if there is none.
    """

    run: str
    step: str
    cause: str
    crash_file: str = ''
