#!/usr/bin/env bash
# Runs each libFuzzer target of build/fuzz for a while: tools/fuzz.sh [seconds]
# Seeds come from tests/data/fuzz/<target>, what is found grows in build/fuzz/corpus/<target>.
# An input that crashes lands in build/fuzz/artifacts and makes this fail.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
failed=()

shopt -s nullglob
programs=(build/fuzz/tests/fuzz/fuzz_*)
[ ${#programs[@]} -gt 0 ] || { echo "fuzz: build/fuzz holds no targets: build them with the preset fuzz" >&2; exit 1; }
mkdir -p build/fuzz/artifacts
for program in "${programs[@]}"; do
  [ -x "$program" ] && [ -f "$program" ] || continue
  name=$(basename "$program")
  corpus=build/fuzz/corpus/$name
  mkdir -p "$corpus"
  folders=("$corpus")
  [ ! -d "tests/data/fuzz/${name#fuzz_}" ] || folders+=("tests/data/fuzz/${name#fuzz_}")
  printf '\n== %s, %s s\n' "$name" "$seconds"
  "$program" -max_total_time="$seconds" -rss_limit_mb=4096 -timeout=10 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/artifacts/$name-" "${folders[@]}" 2>&1 | tail -n 25 || failed+=("$name")
done
[ ${#failed[@]} -eq 0 ] || { echo "fuzz: ${failed[*]}: failing inputs are in build/fuzz/artifacts" >&2; exit 1; }
