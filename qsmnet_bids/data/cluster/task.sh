#!/bin/bash
# task.sh LIST MEMORY_MB: one task of an array job, which processes one subject and notes how it
# went in state/: sub-X.started before, sub-X.ended (the exit code) after. A subject with the first
# and without the second, whose job is gone, was killed.
source ./setup.sh
set -uo pipefail
source ./settings.sh
source ./common.sh
source ./scheduler.sh

number=$(task_number)
label=$(sed -n "${number}p" "$1")
if [ -z "$label" ]; then
    echo "task.sh: $1 has no line $number" >&2
    exit 1
fi
if is_done "$label"; then
    echo "task.sh: sub-$label is done"
    exit 0
fi
exec 9>"state/sub-$label.lock" # held until this process is gone, however it ends
if ! flock --nonblock 9; then
    echo "task.sh: sub-$label is being processed by another job" >&2
    exit 1
fi

mkdir -p "$output_dir" "$work_dir/sub-$label"
log=logs/sub-$label.$(job_id)_$number.log
rm -f "state/sub-$label.ended"
write "state/sub-$label.started" "$(job_id) $number $2 $log $(scheduler_file)"
trap : TERM INT # the app is told too, and ends cleanly; what it exits with is noted
(app "$bids_dir" "$output_dir" participant --participant-label "$label" \
    --work-dir "$work_dir/sub-$label" --nprocs "$cpus" --mem "$(($2 * 9 / 10))" \
    ${options[@]+"${options[@]}"}) >"$log" 2>&1 9>&- &
process=$!
while true; do
    wait "$process"
    code=$?
    kill -TERM "$process" 2>/dev/null || break # else a signal to this script ended the waiting
done
write "state/sub-$label.ended" "$code"
exit "$code"
