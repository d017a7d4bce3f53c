"""Whether a file's content is on this disk at all."""

from pathlib import Path

from qsmnet_bids.errors import InputError, Problem

POINTERS = {
    b'/annex/objects/': 'datalad get',
    b'version https://git-lfs': 'git lfs pull --include',
}
"""How the files begin that stand for content which is elsewhere."""


def check_content(path: Path) -> None:
    """Raise ``InputError`` with the remedy if a file has no content here.

    Parameters
    ----------
    path
        Any file.
    """
    try:
        if not path.exists():
            if path.is_symlink():
                raise _error(path, 'a link whose target is not there', f'datalad get {path}')
            remedy = 'add the file, or delete an outdated database folder'
            raise _error(path, 'does not exist', remedy)
        if not path.is_file():  # to open a pipe would wait for ever
            raise _error(path, 'not a regular file', 'put the file itself there')
        with path.open('rb') as file:
            beginning = file.read(32)
    except OSError as error:
        raise _error(
            path, f'cannot be read ({error.strerror})', 'check its permissions'
        ) from error
    if not beginning:
        raise _error(path, 'is empty', 'copy or convert it anew')
    for pointer, command in POINTERS.items():
        if beginning.startswith(pointer):
            raise _error(path, 'a pointer to content that is not there', f'{command} {path}')


def _error(path: Path, found: str, remedy: str) -> InputError:
    return InputError(Problem(str(path), 'file', found, remedy))
