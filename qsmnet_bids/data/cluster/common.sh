# shellcheck shell=bash disable=SC2154 # variables of settings.sh
# Functions of the other scripts; the working folder is that of the scripts.

# Whether a subject's last run ended well and its map is still there.
is_done() {
    [ "$(cat "state/sub-$1.ended" 2>/dev/null)" = 0 ] &&
        [ -n "$(find "$output_dir/sub-$1" -name '*_Chimap.json' -print -quit 2>/dev/null)" ]
}

# Writes a job's script, which works wherever the scheduler copies it to.
job() {
    printf '#!/bin/bash\ncd -- %q || exit 1\nexec bash' "$PWD"
    printf ' %q' "$@"
    printf '\n'
}

# Writes a small file whole or not at all.
write() {
    printf '%s\n' "$2" >"$1.$$.tmp" && mv -f -- "$1.$$.tmp" "$1"
}

# Becomes the app in its image, or the command that was given in place of one: call it in ( ).
app() {
    if [ -z "$image" ]; then
        exec "${command_words[@]}" "$@"
    fi
    local program mounts=() path
    program=$(type -P apptainer || type -P singularity) || {
        echo 'neither apptainer nor singularity is there; load its module in setup.sh' >&2
        exit 127
    }
    for path in "$bids_dir" ${binds[@]+"${binds[@]}"}; do
        mounts+=(--mount "$(same_path "$path"),ro")
    done
    for path in "$output_dir" "$work_dir"; do
        mounts+=(--mount "$(same_path "$path")")
    done
    [ "$gpus" = 0 ] || mounts+=(--nv)
    exec "$program" run --containall --cleanenv --no-home --no-eval "${mounts[@]}" "$image" "$@"
}

# A mount that has the same path inside; double quotes guard commas.
same_path() {
    printf 'type=bind,"source=%s","destination=%s"' "${1//\"/\"\"}" "${1//\"/\"\"}"
}
