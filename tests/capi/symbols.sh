#!/bin/sh
# symbols.sh NM LIBRARY HEADER: the library shows what the header declares, and nothing else.
set -eu
shown=$("$1" -D --defined-only "$2" | awk '{print $3}' | sed 's/@.*//' | sort)
declared=$(grep -oE 'TARN_API [^(]*[ *](tarn_[a-z_]+)\(' "$3" | grep -oE 'tarn_[a-z_]+\(' | tr -d '(' | sort)
[ -n "$declared" ] || { echo "$3: no declarations found"; exit 1; }
[ "$shown" = "$declared" ] || { echo "shown:" $shown; echo "declared:" $declared; exit 1; }
