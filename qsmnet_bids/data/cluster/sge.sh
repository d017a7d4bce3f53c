# shellcheck shell=bash disable=SC2154 # variables of settings.sh
# How these scripts speak with Grid Engine (SGE, UGE, SoGE). Jobs come on standard input.
# Sites differ: set the parallel environment and the names of the resources in setup.sh.
parallel_environment=${parallel_environment:-smp}
memory_resource=${memory_resource:-h_vmem} # per slot
gpu_resource=${gpu_resource:-gpu}

# submit_array TASKS MEMORY_MB AFTER_JOB
submit_array() {
    local limits=(-l "$memory_resource=$(($2 / cpus))M")
    [ "$gpus" = 0 ] || limits+=(-l "$gpu_resource=$gpus")
    [ "$cpus" = 1 ] || limits+=(-pe "$parallel_environment" "$cpus")
    [ -z "$max_running" ] || limits+=(-tc "$max_running")
    submit "$3" -t "1-$1" -N "$name" "${limits[@]}"
}

# submit_group MEMORY_MB AFTER_JOB...
submit_group() {
    local memory=$1 after
    shift
    after=$(IFS=,; echo "$*")
    submit "$after" -N "$name-group" -l "$memory_resource=${memory}M"
}

submit() {
    local after=$1
    shift
    [ -z "$after" ] || set -- -hold_jid "$after" "$@" # held until they end, well or not
    # of an array it prints 12.1-3:1
    qsub -terse -S /bin/bash -cwd -r n -j y -o scheduler/ -l "h_rt=$((minutes * 60))" "$@" \
        ${submit_options[@]+"${submit_options[@]}"} | cut -d . -f 1
}

queued() { qstat -u "$(id -un)" | awk '$1 ~ /^[0-9]+$/ { print $1, "*" }'; }
task_number() { echo "$SGE_TASK_ID"; }
job_id() { echo "$JOB_ID"; }
scheduler_file() {
    local task=${SGE_TASK_ID#undefined}
    echo "scheduler/$JOB_NAME.o$JOB_ID${task:+.$task}"
}
