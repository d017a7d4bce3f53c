#!/bin/bash
# The group level, over all subjects that have a map.
source ./setup.sh
set -uo pipefail
source ./settings.sh
source ./common.sh
source ./scheduler.sh
mkdir -p "$output_dir" "$work_dir/group"
log=logs/group.$(job_id).log
rm -f state/group.ended
write state/group.started "$(job_id) 0 $memory_mb $log $(scheduler_file)"
(app "$bids_dir" "$output_dir" group --work-dir "$work_dir/group") >"$log" 2>&1
code=$?
write state/group.ended "$code"
exit "$code"
