"""Start qsmnet-bids from a clone: ``python run.py bids_dir output_dir participant``."""

import sys

from qsmnet_bids.cli.run import main

if __name__ == '__main__':  # workers import this file anew
    sys.exit(main())
