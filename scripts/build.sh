#!/usr/bin/env bash
# Installs what is missing and builds a preset (default: release). Extra words are build targets.
#   scripts/build.sh [PRESET] [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:-release}
[ $# -gt 0 ] && shift

if [ "$preset" = fuzz ]; then ./scripts/setup_env.sh --fuzz; else ./scripts/setup_env.sh; fi
cmake --preset "$preset" >/dev/null
cmake --build --preset "$preset" ${1:+--target "$@"}
