"""Templates to self-contained pages: styles and pictures inlined, everything else escaped."""

import base64
import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

TEMPLATES = 'templates'


@cache
def environment() -> Environment:
    """Make the one environment: autoescape on, unknown names are errors."""
    made = Environment(
        loader=PackageLoader('qsmnet_bids.reports', TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    source = made.loader.get_source(made, 'style.css')[0] if made.loader else ''
    script = made.loader.get_source(made, 'viewer.js')[0] if made.loader else ''
    made.globals['viewer_script'] = Markup(script)  # noqa: S704  the package's own file
    made.globals['script_hash'] = _hash(f'\n{script}\n')
    made.globals['style'] = Markup(source)  # noqa: S704  the package's own file
    return made


def _hash(script: str) -> str:
    """Name the one script that a page may run, for its content security policy."""
    digest = hashlib.sha256(script.encode()).digest()
    return f'sha256-{base64.b64encode(digest).decode("ascii")}'


def render(template: str, **values: object) -> bytes:
    """Fill a template.

    Parameters
    ----------
    template
        File name.
    values
        For its placeholders; text is escaped there.

    Returns
    -------
        UTF-8.
    """
    return environment().get_template(template).render(**values).encode()


def inline_png(path: Path) -> str:
    """Turn a PNG file into a data URI."""
    return 'data:image/png;base64,' + base64.b64encode(path.read_bytes()).decode('ascii')
