#!/usr/bin/env bash
# Runs every fuzz target under the address and undefined-behaviour sanitizers.
#   scripts/fuzz.sh MINUTES [TARGET...]      a whole campaign, e.g. scripts/fuzz.sh 10
#   scripts/fuzz.sh --seconds N [TARGET...]  a short run
# Starts from tests/fuzz/corpus; what it finds stays in build/fuzz/corpus. Exit status 1 if a target
# crashed, leaked, ran out of memory or hung; the input that did it is in build/fuzz/findings.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ $# -ge 1 ] || usage
if [ "$1" = "--seconds" ]; then seconds=${2:-}; shift 2 || usage; else seconds=$((${1:-0} * 60)); shift; fi
[ "$seconds" -gt 0 ] 2>/dev/null || usage
only=" $* "

./scripts/build.sh fuzz fuzzers
build=build/fuzz
mkdir -p "$build/findings"

fuzz_one() {  # fuzz_one NAME SEEDS SECONDS
  local corpus="$build/corpus/$1" log="$build/findings/$1.log"
  mkdir -p "$corpus"
  if "$build/fuzz/$1" -max_total_time="$3" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
      -artifact_prefix="$build/findings/$1-" "$corpus" "$2" >"$log" 2>&1; then
    echo "$1: clean, $(sed -n 's/stat::number_of_executed_units: *//p' "$log") executions in $3 s"
  else
    echo "$1: FOUND SOMETHING, see $log"
    tail -n 30 "$log"
    return 1
  fi
}
export -f fuzz_one
export build

while read -r name seeds; do
  [ "$only" = "  " ] || [[ "$only" == *" $name "* ]] || continue
  printf '%s %s %s\0' "$name" "$seeds" "$seconds"
done <"$build/fuzz/targets.txt" |
  xargs -0 -P "$(nproc)" -I{} bash -c 'fuzz_one {}'
