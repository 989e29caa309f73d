#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# demo.sh BUILD: watch a small workload of several processes for some seconds; root.
set -eu

BUILD=${1:-build}
if [ "$(id -u)" != 0 ]; then
	echo "demo.sh: probes need root: sudo make demo" >&2
	exit 1
fi
: >"$BUILD/demo.pids"
"$BUILD/fixtures/demo_tree" 8 >"$BUILD/demo.pids" &
TREE=$!
trap 'kill $TREE 2>/dev/null || :; wait $TREE 2>/dev/null || :' EXIT
while ! grep -q ready "$BUILD/demo.pids"; do
	kill -0 $TREE || exit 1
	sleep 0.1
done
PIDS=$(sed -n 's/^pids //p' "$BUILD/demo.pids")
echo "\$ heapwatch -p $PIDS --once --duration 3s --top 3"
"$BUILD/heapwatch" -p "$PIDS" --once --duration 3s --top 3 --depth 6
