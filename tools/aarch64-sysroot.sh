#!/usr/bin/env bash
# Puts what Tarn needs of Debian's AArch64 libraries into build/aarch64-sysroot, for cross-building
# and for the emulator. Nothing of it is installed on this machine: apt resolves and downloads with a
# state of its own, and the packages are only unpacked. Does nothing when that is done already.
set -euo pipefail
cd "$(dirname "$0")/.."
sysroot=$PWD/build/aarch64-sysroot
packages=(
  libc6-dev libstdc++6 libfmt-dev libcli11-dev nlohmann-json3-dev libpcre2-dev libutf8proc-dev
  libhwloc-dev libedit-dev libboost1.81-dev libssl-dev libgtest-dev libgmock-dev
)

die() {
  echo "aarch64-sysroot: $*" >&2
  exit 1
}

stamp=$sysroot/.packages
[ "$(cat "$stamp" 2>/dev/null)" != "${packages[*]}" ] || exit 0

echo "aarch64-sysroot: unpacking into ${sysroot#"$PWD/"}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/state/lists/partial "$work"/cache/archives/partial
: >"$work/status"
chmod -R a+rX "$work"

apt() {
  apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User="$(id -un)" \
    -o Dir::State="$work/state" -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache" \
    -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null "$@" </dev/null
}

apt update || die "apt-get update failed for arm64: check the network and apt's sources, then run this again"
apt install --yes --download-only --no-install-recommends "${packages[@]}" >/dev/null ||
  die "apt-get could not download the arm64 packages: see its messages above, then run this again"
rm -rf "$sysroot"
mkdir -p "$sysroot"
for package in "$work"/cache/archives/*.deb; do
  dpkg-deb --extract "$package" "$sysroot"
done
# Links to absolute paths would lead out of the folder.
find "$sysroot" -type l -lname '/*' -printf '%l %p\n' | while read -r target link; do
  ln -sfr "$sysroot$target" "$link"
done
rm -rf "${sysroot:?}"/{etc,var} "${sysroot:?}"/usr/share/{doc,locale,man}
echo "${packages[*]}" >"$stamp"
