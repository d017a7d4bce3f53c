"""Nipype interfaces: load, call the stage, save."""

import os

# nipype asks a server for its latest version when it is imported, unless told not to.
os.environ.setdefault('NO_ET', '1')
os.environ.setdefault('NIPYPE_NO_ET', '1')
