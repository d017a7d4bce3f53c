# shellcheck shell=bash disable=SC2154 # variables of settings.sh
# How these scripts speak with Slurm. Jobs come on standard input.

# submit_array TASKS MEMORY_MB AFTER_JOB
submit_array() {
    local tasks=1-$1
    [ -z "$max_running" ] || tasks+=%$max_running
    submit "$2" "$3" --array="$tasks" --output='scheduler/%A_%a.out' --job-name="$name" \
        --cpus-per-task="$cpus" ${gpu_options[@]+"${gpu_options[@]}"}
}

# submit_group MEMORY_MB AFTER_JOB...
submit_group() {
    local memory=$1 after
    shift
    after=$(IFS=:; echo "$*")
    submit "$memory" "$after" --output='scheduler/%j.out' --job-name="$name-group"
}

submit() {
    local memory=$1 after=$2
    shift 2
    [ -z "$after" ] || set -- --dependency="afterany:$after" "$@"
    # sbatch prints the job, and after a semicolon the cluster
    sbatch --parsable --nodes=1 --ntasks=1 --no-requeue --mem="${memory}M" \
        --time="$minutes" "$@" ${submit_options[@]+"${submit_options[@]}"} | cut -d ';' -f 1
}

gpu_options=()
[ "${gpus:-0}" = 0 ] || gpu_options=(--gres="gpu:$gpus")

queued() { squeue --me --noheader --array --format='%F %K' | sed 's, N/A$, *,'; }
task_number() { echo "$SLURM_ARRAY_TASK_ID"; }
job_id() { echo "${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}"; }
scheduler_file() {
    echo "scheduler/${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}.out"
}
