# Shared by the scripts: where things are, how messages look. Sourced, never run.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CACHE=${NEARSKY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/nearsky}
JOBS=${NEARSKY_JOBS:-$(nproc)}
BUILD=${NEARSKY_BUILD:-$ROOT/build/release}

if [ -t 1 ]; then BOLD=$(printf '\033[1m') PLAIN=$(printf '\033[0m'); else BOLD='' PLAIN=''; fi

say() { printf '%s\n' "$*"; }
die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# step NAME COMMAND...: runs it quietly into a log, prints the time it took, shows the end of the
# log when it fails.
step() {
    local name=$1 start log status
    shift
    mkdir -p "$ROOT/build/logs"
    log=$ROOT/build/logs/$(printf '%s' "$name" | tr -cs 'A-Za-z0-9' '-').log
    printf '%s%-34s%s' "$BOLD" "$name" "$PLAIN"
    start=$(date +%s.%N)
    status=0
    "$@" >"$log" 2>&1 </dev/null || status=$?
    printf '%7.1f s\n' "$(awk -v a="$start" -v b="$(date +%s.%N)" 'BEGIN { print b - a }')"
    if [ "$status" -ne 0 ]; then
        tail -n 40 "$log" >&2
        die "$name failed (exit $status); the whole log: $log"
    fi
}
