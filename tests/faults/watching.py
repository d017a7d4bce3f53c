"""Watch a folder, and tell what was ever visible in it but not whole."""

import gzip
import json
import threading
import time
import tomllib
from pathlib import Path

import nibabel as nib
from PIL import Image

READERS = {
    '.gz': lambda data: nib.Nifti1Image.from_bytes(gzip.decompress(data)).get_fdata(),
    '.json': json.loads,
    '.toml': lambda data: tomllib.loads(data.decode()),
}


class Watcher(threading.Thread):
    """Opens every file that appears or changes, until it is told to stop.

    Names that begin with a dot and logs, which grow, are left out.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.n_seen = 0
        self.halves: list[str] = []
        self._folder = folder
        self._known: set[tuple[str, int, int]] = set()
        self._end = threading.Event()

    def run(self) -> None:
        while not self._end.is_set():
            self.look()
            time.sleep(0.01)

    def stop(self) -> None:
        self._end.set()
        self.join()
        self.look()

    def look(self) -> None:
        for path in self._folder.rglob('*'):
            try:
                state = path.stat()
                key = (str(path), state.st_ino, state.st_mtime_ns)
                if key in self._known or is_left_out(path):
                    continue
                self._known.add(key)
                data = path.read_bytes()
            except FileNotFoundError:
                continue
            self.n_seen += 1
            reason = what_is_missing(path, data)
            if reason:
                self.halves.append(f'{path}: {reason}')


def is_left_out(path: Path) -> bool:
    dotted = path.name.startswith('.') and path.name != '.bidsignore'
    return dotted or path.suffix in ('.log', '.lock') or not path.is_file()


def what_is_missing(path: Path, data: bytes) -> str:
    """Give the reason why content is not whole, or an empty string."""
    if not data:
        return 'empty'
    try:
        if path.suffix == '.png':
            with Image.open(path) as image:
                image.load()
        READERS.get(path.suffix, bytes)(data)
    except Exception as error:  # noqa: BLE001 -- whatever a reader makes of it
        return repr(error)
    return '' if path.suffix != '.html' or data.rstrip().endswith(b'</html>') else 'no end'
