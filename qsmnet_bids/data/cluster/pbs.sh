# shellcheck shell=bash disable=SC2154 # variables of settings.sh
# How these scripts speak with PBS Professional and OpenPBS. Jobs come on standard input.

# submit_array TASKS MEMORY_MB AFTER_JOB
submit_array() {
    local chunk=select=1:ncpus=$cpus:mem=$2mb tasks=(-J "1-$1")
    [ "$gpus" = 0 ] || chunk+=:ngpus=$gpus
    [ "$1" -gt 1 ] || tasks=() # PBS refuses an array of one
    [ -z "$max_running" ] || [ "$1" -le 1 ] || tasks=(-J "1-$1%$max_running")
    submit "$3" -l "$chunk" -N "$name" ${tasks[@]+"${tasks[@]}"}
}

# submit_group MEMORY_MB AFTER_JOB...
submit_group() {
    local memory=$1 after
    shift
    after=$(IFS=:; echo "$*")
    submit "$after" -l "select=1:ncpus=1:mem=${memory}mb" -N "$name-group"
}

submit() {
    local after=$1
    shift
    [ -z "$after" ] || set -- -W "depend=afterany:$after" "$@"
    qsub -S /bin/bash -r n -j oe -o scheduler/ -l "walltime=$((minutes * 60))" "$@" \
        ${submit_options[@]+"${submit_options[@]}"}
}

queued() { qstat -w -u "$(id -un)" | awk '$1 ~ /^[0-9]+/ { print $1, "*" }'; }
task_number() { echo "${PBS_ARRAY_INDEX:-1}"; }
job_id() { echo "${PBS_ARRAY_ID:-$PBS_JOBID}"; }
scheduler_file() { echo "scheduler/$PBS_JOBID.OU"; }
