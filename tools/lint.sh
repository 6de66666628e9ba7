#!/usr/bin/env bash
# Checks the layers' order, the formatting and, with clang-tidy, the code.
#   tools/lint.sh              files that differ from origin/HEAD (working tree included)
#   tools/lint.sh --base REV   files that differ from REV
#   tools/lint.sh --all        all files
#   tools/lint.sh --ci         formatting of all files, clang-tidy on those that differ
set -uo pipefail
cd "$(dirname "$0")/.."

format=changed tidy=changed base=
while [ $# -gt 0 ]; do
  case "$1" in
    --all) format=all tidy=all ;;
    --ci) format=all ;;
    --base) base=${2:-}; shift ;;
    *) echo "usage: $0 [--all | --ci] [--base REV]" >&2; exit 2 ;;
  esac
  shift
done

sources=('src/*.h' 'src/*.cpp' 'tests/*.h' 'tests/*.cpp' 'bench/*.h' 'bench/*.cpp')
all_files() { git ls-files --cached --others --exclude-standard -- "${sources[@]}" | sort -u; }

# The commit to compare with: where this branch left the published one, or on that branch itself the
# commit before. Empty when the history does not say (a shallow clone): then everything is checked.
base_commit() {
  local published
  if [ -n "$base" ]; then
    git merge-base "$base" HEAD
    return
  fi
  for published in origin/HEAD origin/main main; do
    git rev-parse --quiet --verify "$published^{commit}" >/dev/null || continue
    published=$(git merge-base "$published" HEAD) || return 0
    if [ "$published" = "$(git rev-parse HEAD)" ]; then
      git rev-parse --quiet --verify 'HEAD^1' || true
    else
      echo "$published"
    fi
    return 0
  done
}

changed_files() {
  [ -n "$since" ] || { all_files; return; }
  { git diff --name-only --diff-filter=d "$since" -- "${sources[@]}"
    git ls-files --others --exclude-standard -- "${sources[@]}"; } | sort -u
}

# clang-tidy reads translation units. A header is seen through the .cpp file of the same name, or
# else through the first that includes it.
units_of() {
  local file unit
  while read -r file; do
    case "$file" in
      *.cpp) unit=$file ;;
      *) unit=${file%.h}.cpp
         [ -f "$unit" ] || unit=$(git grep -lF "#include \"${file#src/}\"" -- '*.cpp' | head -n 1) ;;
    esac
    if [ -n "$unit" ]; then echo "$unit"; fi
  done | sort -u
}

# Files that this machine does not build (another processor's, fuzz targets) have no compile command.
built_units() {
  while read -r file; do
    if grep -qF "\"file\": \"$PWD/$file\"" build/release/compile_commands.json; then echo "$file"; fi
  done
}

since=$(base_commit) || {
  echo "lint: $base: shares no history with HEAD or is no commit here; name one that does" >&2
  exit 2
}
mkdir -p build
failed=0

echo "== layers"
python3 tools/check_layers.py || failed=1

"${format}_files" >build/lint-format.txt
echo "== clang-format ($(wc -l <build/lint-format.txt) files)"
xargs -r clang-format --dry-run -Werror <build/lint-format.txt || failed=1

cmake --preset release >build/lint-configure.txt 2>&1 || { cat build/lint-configure.txt >&2; exit 1; }
"${tidy}_files" | units_of >build/lint-units.txt
built_units <build/lint-units.txt >build/lint-tidy.txt
echo "== clang-tidy ($(wc -l <build/lint-tidy.txt) files)"
comm -23 build/lint-units.txt build/lint-tidy.txt | sed 's/^/not part of the release build, not read: /'
xargs -r -n 1 -P "$(nproc)" clang-tidy --quiet -p build/release <build/lint-tidy.txt 2>build/lint-tidy.log || {
  grep -vE '^[0-9]+ warnings? (treated|generated)|^Suppressed|^Use -header-filter' build/lint-tidy.log >&2
  failed=1
}

[ "$failed" -eq 0 ] && echo "lint: clean"
exit "$failed"
