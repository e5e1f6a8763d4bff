#!/usr/bin/env bash
# Installs, builds and runs every test; the last line counts them. Exit status 0 only if all passed.
set -uo pipefail
cd "$(dirname "$0")/.."

./scripts/build.sh release || { echo "0 passed, 1 failed"; exit 1; }
log=build/release/test.log
passed=0
failed=0
check() {  # check NAME COMMAND...: one test outside CTest
  if "${@:2}"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED: $1"; fi
}
check "includes" python3 scripts/check_includes.py
check "type names" python3 scripts/check_type_names.py
check "fuzzing, 10 s a target" ./scripts/fuzz.sh --seconds 10
ctest --preset release -j "$(nproc)" 2>&1 | tee "$log"
status=${PIPESTATUS[0]}

total=$(sed -n 's/.* tests failed out of \([0-9]*\).*/\1/p' "$log")
wrong=$(sed -n 's/.*% tests passed, \([0-9]*\) tests failed.*/\1/p' "$log")
if [ -z "$total" ] || [ "$total" -eq 0 ]; then
  echo "no test ran"
  failed=$((failed + 1))
else
  passed=$((passed + total - wrong))
  failed=$((failed + wrong))
  [ "$status" -ne 0 ] && [ "$wrong" -eq 0 ] && failed=$((failed + 1))
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
