#!/usr/bin/env bash
# The micro-benchmarks, then `tarn bench` on Pebble and on random weights in the shape of a 0.8B
# model at 4 bits (made once, in build/synthetic; about 2 GB).
set -euo pipefail
cd "$(dirname "$0")/.."
tarn=build/release/bin/tarn
shape=qwen3.5-0.8b
folder=build/synthetic/$shape

for program in build/release/bench/*_bench; do
  printf '\n== %s\n' "$(basename "$program")"
  "$program"
done

if [ ! -f "$folder/config.json" ]; then
  python3 bench/make_synthetic.py "$shape" "$folder"
fi
if [ ! -f "$folder-4bit/config.json" ]; then
  "$tarn" quantize "$folder" "$folder-4bit" --recipe affine:4:64
fi

printf '\n== pebble\n'
"$tarn" bench pebble -p 512 -n 128
printf '\n== %s, affine 4-bit\n' "$shape"
"$tarn" bench "$folder-4bit" -p 512 -n 128
