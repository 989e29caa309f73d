#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# deps.sh: install what building and testing need and is not there yet; root, or it says what to do.
set -eu

DEBIAN="gcc g++ make clang llvm clang-format bpftool libbpf-dev libelf-dev libdw-dev libcapstone-dev
libiberty-dev libjansson-dev libcmocka-dev linux-libc-dev python3 binutils libsqlite3-dev
libprotobuf-c-dev protobuf-c-compiler zlib1g-dev libncurses-dev libmicrohttpd-dev libgnutls28-dev libyaml-dev libcrypt-dev
libcap-dev"
# For tests only: programs that nobody here wrote.  A test without its program says so and skips.
DEBIAN_TEST="redis-server nginx-light sqlite3 git chromium mercurial git-remote-hg tmux prometheus openssl golang-go systemd man-db libcap2-bin
dpkg-dev bash-completion libjemalloc-dev libgoogle-perftools-dev libmimalloc-dev musl-tools
qemu-system-x86 qemu-system-common busybox-static xz-utils zstd"
FEDORA="gcc gcc-c++ make clang llvm clang-tools-extra bpftool libbpf-devel elfutils-libelf-devel
elfutils-devel compiler-rt capstone-devel binutils-devel jansson-devel libcmocka-devel kernel-headers python3
sqlite-devel protobuf-c-devel protobuf-c-compiler zlib-devel ncurses-devel libmicrohttpd-devel gnutls-devel libyaml-devel
libxcrypt-devel libcap-devel binutils redis nginx sqlite git"

# Names from debuginfod servers and from packed symbol tables; a program with libpython in it.
DEBIAN_TEST="$DEBIAN_TEST libdebuginfod1 xz-utils gdb"

missing_deb()
{
	for p in "$@"; do
		[ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null)" = installed ] ||
			printf '%s ' "$p"
	done
}

missing_rpm()
{
	for p in "$@"; do
		rpm -q --quiet --whatprovides "$p" 2>/dev/null || printf '%s ' "$p"
	done
}

need_root()
{
	[ "$(id -u)" = 0 ] && return
	echo "deps.sh: these packages are missing; install them, or run this as root: $*" >&2
	exit 1
}

if command -v apt-get >/dev/null; then
	# A bare machine does not know of any package yet.
	if ! apt-cache show clang >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
		apt-get -qq update
	fi
	# Ubuntu has bpftool in linux-tools-common.
	if ! apt-cache show bpftool >/dev/null 2>&1 && command -v bpftool >/dev/null; then
		DEBIAN=$(echo "$DEBIAN" | sed 's/bpftool//')
	fi
	# clang's sanitizers and libFuzzer are in a package named after its version.
	CLANG=$(apt-cache depends clang 2>/dev/null | sed -n 's/^ *Depends: clang-\([0-9]*\)$/\1/p')
	DEBIAN="$DEBIAN ${CLANG:+libclang-rt-$CLANG-dev}"
	# The services that come with the test programs are not wanted: only their binaries.
	MISSING=$(missing_deb $DEBIAN)
	EXTRA=$(missing_deb $DEBIAN_TEST)
	[ -n "$MISSING$EXTRA" ] || exit 0
	if [ -z "$MISSING" ] && [ "$(id -u)" != 0 ]; then
		echo "deps.sh: not installed, their tests skip: $EXTRA" >&2
		exit 0
	fi
	need_root "$MISSING"
	export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
	apt-get -qq update || echo "deps.sh: apt-get update failed; trying with what is known" >&2
	[ -z "$MISSING" ] || apt-get -qq install -y --no-install-recommends $MISSING
	[ -z "$EXTRA" ] || apt-get -qq install -y --no-install-recommends $EXTRA ||
		echo "deps.sh: not installed, their tests skip: $EXTRA" >&2
elif command -v dnf >/dev/null; then
	MISSING=$(missing_rpm $FEDORA)
	[ -n "$MISSING" ] || exit 0
	need_root "$MISSING"
	dnf -q -y install $MISSING
else
	echo "deps.sh: no apt-get and no dnf here. Needed, by Debian's names:" $DEBIAN >&2
	for tool in cc make clang bpftool python3; do
		command -v $tool >/dev/null || { echo "deps.sh: $tool is missing" >&2; exit 1; }
	done
fi
