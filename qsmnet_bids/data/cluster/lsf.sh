# shellcheck shell=bash disable=SC2154 # variables of settings.sh
# How these scripts speak with LSF, 10.1 or newer. Jobs come on standard input.

# submit_array TASKS MEMORY_MB AFTER_JOB
submit_array() {
    local tasks="${name}[1-$1]" limits=()
    [ -z "$max_running" ] || tasks+=%$max_running
    [ "$gpus" = 0 ] || limits+=(-gpu "num=$gpus")
    submit "$2" "$cpus" "${3:+ended($3)}" -J "$tasks" -o 'scheduler/%J_%I.out' \
        ${limits[@]+"${limits[@]}"}
}

# submit_group MEMORY_MB AFTER_JOB...
submit_group() {
    local memory=$1 after='' id
    shift
    for id in "$@"; do
        after+=${after:+ && }"ended($id)"
    done
    submit "$memory" 1 "$after" -J "$name-group" -o 'scheduler/%J.out'
}

submit() {
    local memory=$1 slots=$2 after=$3
    shift 3
    [ -z "$after" ] || set -- -w "$after" "$@"
    # it prints: Job <12> is submitted to queue <normal>.
    bsub -rn -L /bin/bash -n "$slots" -W "$minutes" -M "${memory}MB" \
        -R "span[hosts=1] rusage[mem=${memory}MB]" "$@" \
        ${submit_options[@]+"${submit_options[@]}"} | sed -n 's/^Job <\([0-9]*\)>.*/\1/p'
}

queued() { bjobs -noheader -o jobid 2>/dev/null | awk 'NF { print $1, "*" }'; }
task_number() { echo "$LSB_JOBINDEX"; }
job_id() { echo "$LSB_JOBID"; }
scheduler_file() { echo "scheduler/$LSB_JOBID${LSB_JOBINDEX:+_$LSB_JOBINDEX}.out"; }
