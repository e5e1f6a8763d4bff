#!/usr/bin/env bash
# Pictures of an HTML report, to look at after a change of how it is drawn: light and dark, wide and
# narrow, and printed. For developers; needs Debian's chromium, fonts-noto-cjk and poppler-utils.
#   [HEIGHT=5200] tools/report/screenshot.sh REPORT.html FOLDER
set -euo pipefail
[ $# -eq 2 ] || { sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 2; }
report=$(realpath "$1")
mkdir -p "$2"
folder=$(realpath "$2")
profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT

browser() {
  chromium --headless=new --no-sandbox --disable-gpu --hide-scrollbars --virtual-time-budget=2000 \
    --user-data-dir="$profile" "$@" "file://$report" >/dev/null 2>&1
}

# The picture is of the window, so the window is as high as the page.
for width in 1280 420; do
  for scheme in light dark; do
    dark=()
    [ "$scheme" = light ] || dark=(--blink-settings=preferredColorScheme=0)
    browser "${dark[@]}" --window-size="$width,${HEIGHT:-5200}" \
      --screenshot="$folder/$scheme-$width.png"
  done
done
rm -f "$folder"/print-*.png
browser --no-pdf-header-footer --print-to-pdf="$folder/print.pdf"
pdftoppm -r 70 -png "$folder/print.pdf" "$folder/print"
ls "$folder"
