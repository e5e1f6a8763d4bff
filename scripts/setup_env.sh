#!/usr/bin/env bash
# Installs what building and testing needs, on Debian 12. Run again, it does nothing.
#   scripts/setup_env.sh [--fuzz]     --fuzz: also clang with its sanitizer runtimes
set -euo pipefail
cd "$(dirname "$0")/.."

packages=$(sed -e 's/#.*//' -e '/^[[:space:]]*$/d' scripts/packages.txt)
[ "${1:-}" = "--fuzz" ] && packages="$packages clang libclang-rt-14-dev"

missing=()
for package in $packages; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

run=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "setup_env.sh: needs root to install: ${missing[*]}" >&2; exit 2; }
  run=(sudo)
fi
echo "Installing ${missing[*]}"
"${run[@]}" apt-get update -qq
"${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
