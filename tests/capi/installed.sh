#!/bin/sh
# What `cmake --install` gives, moved elsewhere: a C program built with its pkg-config file, and the
# tool, each asked once. Arguments: cmake, the build folder, the program.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$1" --install "$2" --prefix "$folder/first" >"$folder/log" || { cat "$folder/log" >&2; exit 1; }
mv "$folder/first" "$folder/moved"
pc=$(find "$folder/moved" -name tarn.pc)
export PKG_CONFIG_PATH="${pc%/tarn.pc}"
lib=$(pkg-config --variable=libdir tarn)
# shellcheck disable=SC2046
cc "$3" $(pkg-config --cflags --libs tarn) "-Wl,-rpath,$lib" -o "$folder/chat"
cd "$folder"
./chat pebble "57 + 557 = ?"
moved/bin/tarn run pebble -p "57 + 557 = ?" --temperature 0 --no-think
