#!/usr/bin/env bash
# Cross-builds Tarn for AArch64 and runs the tests of its kernels and models under an emulator.
#   tools/test-aarch64.sh [JOBS]
# Where the cross compiler or the libraries cannot be had, says so and succeeds: the build for this
# machine has been tested without it.
set -euo pipefail
cd "$(dirname "$0")/.."
jobs=${1:-2}

skip() {
  echo "test-aarch64: SKIPPED: $*"
  exit 0
}

[ "$(uname -m)" != aarch64 ] || skip "this machine is AArch64; the ordinary tests run its kernels"
[ "$(uname -s)" = Linux ] || skip "cross-building is set up for Debian"
tools/install-deps.sh --cross || skip "no cross compiler or emulator (see above)"
tools/aarch64-sysroot.sh || skip "no AArch64 libraries (see above)"

cmake --preset aarch64
cmake --build --preset aarch64 --parallel "$jobs"
ctest --test-dir build/aarch64 --output-on-failure --no-tests=error --parallel "$jobs"
