#!/bin/bash
# Lists this user's unfinished jobs, one line each: the job, and the task of an array or '*' for all.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
source ./scheduler.sh
queued
