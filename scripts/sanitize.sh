#!/usr/bin/env bash
# Builds a sanitizer preset and runs every unit test under it.
#   scripts/sanitize.sh asan|tsan [CTEST ARGUMENT...]
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:-}
case "$preset" in asan | tsan) shift ;; *) sed -n '2,3s/^# \{0,1\}//p' "$0" >&2; exit 2 ;; esac

./scripts/build.sh "$preset"
# Not detect_stack_use_after_return=1: GCC 12 aligns the frames that it moves to 32 bytes, whatever they hold (its bug 110027), and
# vectors of 64 bytes on them end the program.
export ASAN_OPTIONS=detect_stack_use_after_return=0 UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1
ctest --preset "$preset" -j "$(nproc)" "$@"
