#!/usr/bin/env bash
# Builds the program and runs it: `ernie run` with the words given, on the embedded demo model unless
# --model names another.
#   scripts/run.sh --prompt "17 + 25 ="
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
# What building prints goes to standard error: standard output is the program's.
"$root/scripts/build.sh" release ernie >&2
[ $# -eq 0 ] && set -- --prompt "17 + 25 ="
exec "$root/build/release/bin/ernie" run "$@"
