"""Sidecars of the raw dataset, by the inheritance principle of BIDS."""

import json
from pathlib import Path

from qsmnet_bids.bidsio.content import check_content
from qsmnet_bids.bidsio.names import parse_name, parse_suffix
from qsmnet_bids.errors import InputError, Problem

Metadata = dict[str, object]


class SidecarReader:
    """Reads the metadata of images, each JSON file once.

    Parameters
    ----------
    bids_dir
        Root of the dataset, where inheritance begins.
    """

    def __init__(self, bids_dir: Path) -> None:
        self._bids_dir = bids_dir.absolute()
        self._listings: dict[Path, list[Path]] = {}
        self._contents: dict[Path, Metadata] = {}

    def read(self, image: Path) -> Metadata:
        """Merge all sidecars that apply to an image; the nearer and the more specific wins.

        Parameters
        ----------
        image
            In the dataset; need not exist.
        """
        merged: Metadata = {}
        for path in self._applicable(image.absolute()):
            merged |= self._load(path)
        return merged

    def _applicable(self, image: Path) -> list[Path]:
        suffix, entities = parse_suffix(image), parse_name(image).items()
        applicable: list[Path] = []
        for folder in self._folders(image):
            matching = [
                path
                for path in self._list(folder)
                if parse_suffix(path) == suffix and parse_name(path).items() <= entities
            ]
            applicable += sorted(matching, key=lambda path: (len(parse_name(path)), path.name))
        return applicable

    def _folders(self, image: Path) -> list[Path]:
        if not image.is_relative_to(self._bids_dir):
            return [image.parent]
        below = image.relative_to(self._bids_dir).parents
        return [self._bids_dir / folder for folder in reversed(below)]

    def _list(self, folder: Path) -> list[Path]:
        if folder not in self._listings:
            self._listings[folder] = sorted(folder.glob('*.json'))
        return self._listings[folder]

    def _load(self, path: Path) -> Metadata:
        if path not in self._contents:
            self._contents[path] = _load_object(path)
        return self._contents[path]


def _load_object(path: Path) -> Metadata:
    check_content(path)
    try:
        content = json.loads(path.read_text(encoding='utf-8-sig'))
    except (OSError, ValueError, RecursionError) as error:
        problem = Problem(str(path), 'content', f'not valid JSON ({error})', 'mend the sidecar')
        raise InputError(problem) from error
    if not isinstance(content, dict):
        found = f'a JSON {type(content).__name__}'
        raise InputError(Problem(str(path), 'content', found, 'a sidecar must hold an object'))
    return content
