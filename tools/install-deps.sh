#!/usr/bin/env bash
# Installs the Debian packages that Tarn needs and that are missing; does nothing when all are there.
#   tools/install-deps.sh          to build, test and benchmark
#   tools/install-deps.sh --dev    also for lint, formatting and fuzzing
#   tools/install-deps.sh --cross  only what cross-building for AArch64 and running that here need
set -euo pipefail

packages=(
  build-essential g++ cmake ninja-build ccache pkg-config git python3
  libfmt-dev libcli11-dev nlohmann-json3-dev libpcre2-dev libutf8proc-dev libhwloc-dev libedit-dev
  libboost1.81-dev libssl-dev
  libgtest-dev libgmock-dev libbenchmark-dev
)
# What the chat page embeds.
page_packages=(libjs-marked libjs-highlight.js libjs-katex fonts-katex)
packages+=("${page_packages[@]}")
cross_packages=(cmake ninja-build ccache pkg-config g++-aarch64-linux-gnu qemu-user "${page_packages[@]}")
dev_packages=(clang clang-format clang-tidy libclang-rt-14-dev)

die() {
  echo "install-deps: $*" >&2
  exit 1
}

case "${1:-}" in
  "") ;;
  --dev) packages+=("${dev_packages[@]}") ;;
  --cross) packages=("${cross_packages[@]}") ;;
  *) echo "usage: $0 [--dev | --cross]" >&2; exit 2 ;;
esac

command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
  die "this system has no apt: install what provides these Debian packages by its own means: ${packages[*]}"

installed=$(dpkg-query --show --showformat='${Package} ${db:Status-Status}\n' "${packages[@]}" 2>/dev/null |
  sed -n 's/ installed$//p' || true)
missing=()
for package in "${packages[@]}"; do
  grep -qxF "$package" <<<"$installed" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null ||
    die "packages are missing and this is neither root nor a user with sudo; run as root: apt-get install ${missing[*]}"
  as_root=(sudo)
fi

apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 "$@" </dev/null
}

echo "install-deps: installing ${missing[*]}"
apt update || die "apt-get update failed: check the network and /etc/apt/sources.list, then run this again"
apt install --yes --no-install-recommends "${missing[@]}" ||
  die "apt-get could not install these packages: see its messages above, then run this again"
