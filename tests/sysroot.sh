#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# sysroot.sh DIR: Debian's arm64 headers and libraries, unpacked in DIR for a cross build, and what the
# tests need to run there under an arm64 kernel.  apt's state on this machine stays as it is.
set -eu

DIR=$1
INCLUDE=libc6-dev,linux-libc-dev,libgcc-12-dev,libbpf-dev,libelf-dev,libdw-dev,libcapstone-dev
INCLUDE=$INCLUDE,libiberty-dev,libjansson-dev,libcmocka-dev,libsqlite3-dev,libprotobuf-c-dev
INCLUDE=$INCLUDE,zlib1g-dev,libncurses-dev,libmicrohttpd-dev,libgnutls28-dev,libyaml-dev
INCLUDE=$INCLUDE,libcrypt-dev,libcap-dev,libasan8,libubsan1,libstdc++-12-dev,python3,binutils

MISSING=
for tool in debootstrap:debootstrap dpkg-deb:dpkg aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu \
	aarch64-linux-gnu-g++:g++-aarch64-linux-gnu; do
	command -v "${tool%%:*}" >/dev/null || MISSING="$MISSING ${tool#*:}"
done
if [ "$MISSING" ]; then
	echo "sysroot.sh: a cross build needs more packages: apt-get install$MISSING" >&2
	exit 1
fi
rm -rf "$DIR"
mkdir -p "$DIR"
debootstrap --arch=arm64 --foreign --variant=minbase --include="$INCLUDE" bookworm "$DIR" \
	>"$DIR.log" 2>&1 || { tail -n 5 "$DIR.log" >&2; exit 1; }
for deb in "$DIR"/var/cache/apt/archives/*.deb; do
	dpkg-deb -x "$deb" "$DIR"
done
# Links to absolute paths would lead out of it.
find "$DIR/usr/lib/aarch64-linux-gnu" -type l -lname '/*' | while read -r link; do
	ln -sfn "$DIR$(readlink "$link")" "$link"
done
rm -f "$DIR"/var/cache/apt/archives/*.deb
touch "$DIR/done"
