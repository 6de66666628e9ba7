#!/usr/bin/env bash
# The performance tables: the kernels alone, loading, then `tarn bench` on Pebble and on random
# weights in the shape of a 0.8B model, by format, depth and number of threads. The weights are made
# once, in build/synthetic (about 4 GB). With `quick`: the model tables without depth.
set -euo pipefail
cd "$(dirname "$0")/.."
tarn=build/release/bin/tarn
shape=qwen3.5-0.8b
folder=build/synthetic/$shape
depths=0,4096
[ "${1:-}" = quick ] && depths=0

title() { printf '\n== %s\n' "$*"; }

if [ ! -f "$folder/config.json" ]; then
  python3 bench/make_synthetic.py "$shape" "$folder"
fi
for bits in 4 6 8; do
  if [ ! -f "$folder-${bits}bit/config.json" ]; then
    "$tarn" quantize "$folder" "$folder-${bits}bit" --recipe "affine:$bits:64"
  fi
done

if [ "$depths" != 0 ]; then
  for program in qmatmul_bench kernels_bench kv_cache_bench; do
    title "$program"
    "build/release/bench/$program"
  done
  title load_bench
  build/release/bench/load_bench "$folder-4bit"
fi

title pebble
"$tarn" bench pebble -p 512 -n 128
for model in "$folder-4bit" "$folder-6bit" "$folder-8bit" "$folder"; do
  for threads in "" "-t 1"; do
    title "$(basename "$model") $threads"
    # shellcheck disable=SC2086  # no option at all where there is none
    "$tarn" bench "$model" -p 512 -n 128 -d "$depths" $threads
  done
done
title "where the time of a token goes"
"$tarn" bench "$folder-4bit" -p 512 -n 128 --profile
