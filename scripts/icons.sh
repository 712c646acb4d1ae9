#!/usr/bin/env bash
# Draws the icons from assets/icons/icon.svg. Run it when the drawing changes.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/say.sh

has rsvg-convert || fail "rsvg-convert is missing. On Debian it is in librsvg2-bin."
cd assets/icons
for size in 32 128; do
    rsvg-convert --width $size --height $size icon.svg --output ${size}x$size.png
done
rsvg-convert --width 256 --height 256 icon.svg --output 128x128@2x.png
rsvg-convert --width 512 --height 512 icon.svg --output icon.png
npx --yes @tauri-apps/cli@2 icon icon.png --output .made >&2
mv .made/icon.ico .made/icon.icns .
rm -rf .made
