#!/bin/bash
# Submits every subject that is not done: an array job with one subject per task, once more with
# more memory those that fail, and at last the group. Run it again after any failure.
set -euo pipefail
folder=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
cd -- "$folder" # the scheduler's own files go to scheduler/ in here
source ./setup.sh
source ./settings.sh
source ./common.sh
source ./scheduler.sh
mkdir -p state logs scheduler
exec 9>state/submit.lock
flock --nonblock 9 || { echo 'submit.sh: runs already' >&2; exit 1; }

if [ -s state/jobs ]; then
    unfinished=$(queued | cut -d ' ' -f 1 | sort -u)
    while read -r id; do
        if grep -qxF -- "$id" <<<"$unfinished"; then
            echo "submit.sh: job $id of this folder is still in the queue; wait for it or cancel it" >&2
            exit 1
        fi
    done <state/jobs
fi

waiting=()
while read -r label; do
    is_done "$label" || waiting+=("$label")
done <subjects.txt
echo "submit.sh: ${#waiting[@]} subjects to do"

# Notes a job as soon as it is in the queue.
note() {
    [ -n "$1" ] || { echo 'submit.sh: the scheduler named no job' >&2; exit 1; }
    echo "$1" >>state/jobs
}

# Each array has a list of its own: its task number n works on the list's line n.
: >state/jobs
submission=$(date +%Y%m%dT%H%M%S)-$$
last=()
for ((first = 0, part = 1; first < ${#waiting[@]}; first += array_size, part++)); do
    list=state/list-$submission-$part
    printf '%s\n' "${waiting[@]:first:array_size}" >"$list"
    n_tasks=$(wc -l <"$list")
    id=$(job task.sh "$list" "$memory_mb" | submit_array "$n_tasks" "$memory_mb" '')
    note "$id"
    again=$(job task.sh "$list" "$retry_memory_mb" | submit_array "$n_tasks" "$retry_memory_mb" "$id")
    note "$again"
    echo "submit.sh: job $id with $n_tasks subjects, job $again for those that fail in it"
    last+=("$again")
done
id=$(job group.sh | submit_group "$memory_mb" ${last[@]+"${last[@]}"})
note "$id"
echo "submit.sh: job $id for the group"
