# shellcheck shell=bash
# Every script runs these lines first. Yours: this file is never written again.
# module load apptainer
