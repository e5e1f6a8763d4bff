#!/usr/bin/env bash
# Formatting of every C++ file; with --tidy also clang-tidy over what build/release compiled.
#   scripts/lint.sh [--fix] [--tidy]
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t files < <(git ls-files '*.cc' '*.h')
mode=(--dry-run -Werror)
for argument in "$@"; do
  case "$argument" in
    --fix) mode=(-i) ;;
    --tidy) tidy=1 ;;
    *) sed -n '2,3s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done
clang-format "${mode[@]}" "${files[@]}"
[ -z "${tidy:-}" ] || run-clang-tidy -quiet -extra-arg=-Wno-unknown-warning-option -p build/release "$PWD/src/.*\.cc"
