#!/usr/bin/env bash
# Asks the embedded model Pebble a few questions that it can answer, then measures it.
set -euo pipefail
cd "$(dirname "$0")/.."
tarn=build/release/bin/tarn

ask() {
  printf '\n> %s\n' "$1"
  "$tarn" run pebble -p "$@"
}

ask "57 + 557 = ?"
ask "Which city is Germany's capital?"
ask "Set the garage to 17 degrees." --tools examples/tools.json
echo
"$tarn" bench pebble -p 512 -n 128
