#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# deb.sh BUILD VERSION: a Debian package, BUILD/deb/heapwatch_VERSION_ARCH.deb, of what
# `make install` puts into BUILD/deb/root.  Needs no root.
set -eu

BUILD=$(realpath "$1") VERSION=$2
for tool in dpkg-deb dpkg-shlibdeps; do
	command -v $tool >/dev/null || { echo "deb.sh: $tool is missing: apt-get install dpkg-dev" >&2; exit 1; }
done
ARCH=$(dpkg --print-architecture)
DIR=$BUILD/deb
ROOT=$DIR/root
DOC=$ROOT/usr/share/doc/heapwatch
WHEN=$(date -u -R -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}")

strip --strip-unneeded "$ROOT/usr/bin/heapwatch"
install -Dm644 contrib/heapwatch.default "$ROOT/etc/default/heapwatch"
install -Dm644 contrib/rules.example "$ROOT/etc/heapwatch/rules"
install -d "$ROOT/DEBIAN" "$ROOT/usr/share/zsh/vendor-completions"
mv "$ROOT/usr/share/zsh/site-functions/_heapwatch" "$ROOT/usr/share/zsh/vendor-completions/"
rmdir "$ROOT/usr/share/zsh/site-functions"
gzip -9n "$ROOT/usr/share/man/man1/heapwatch.1"
printf 'heapwatch (%s) unstable; urgency=medium\n\n  * Built from source by make deb.\n\n -- heapwatch <root@localhost>  %s\n' \
	"$VERSION" "$WHEN" | gzip -9n >"$DOC/changelog.gz"
cat >"$DOC/copyright" <<END
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: heapwatch

Files: *
Copyright: the heapwatch authors
License: GPL-2
 On Debian systems the text of the GNU General Public License, version 2, is in
 /usr/share/common-licenses/GPL-2.
END
rm -f "$DOC/LICENSE"

# dpkg-shlibdeps wants a source package around it.
mkdir -p "$DIR/src/debian"
printf 'Source: heapwatch\n\nPackage: heapwatch\nArchitecture: any\n' >"$DIR/src/debian/control"
DEPENDS=$(cd "$DIR/src" && dpkg-shlibdeps -O "$ROOT/usr/bin/heapwatch" 2>/dev/null |
	sed -n 's/^shlibs:Depends=//p')
[ -n "$DEPENDS" ] || { echo "deb.sh: dpkg-shlibdeps found no dependencies" >&2; exit 1; }

cat >"$ROOT/DEBIAN/control" <<END
Package: heapwatch
Version: $VERSION
Architecture: $ARCH
Maintainer: heapwatch <root@localhost>
Section: admin
Priority: optional
Installed-Size: $(du -sk "$ROOT" | cut -f1)
Depends: $DEPENDS
Recommends: bash-completion
Suggests: prometheus
Description: which callsites of running processes hold their memory
 heapwatch answers for any process on a Linux machine, without stopping, restarting or
 changing it, where its memory is: outstanding bytes by callsite, what the allocator
 holds, fragmentation, mappings, set against the resident set size.  It shows the whole
 machine like top, records process trees, and serves Prometheus.
 .
 The service is installed but not started: systemctl enable --now heapwatch
END
printf '/etc/default/heapwatch\n/etc/heapwatch/rules\n' >"$ROOT/DEBIAN/conffiles"
cat >"$ROOT/DEBIAN/postinst" <<'END'
#!/bin/sh
set -e
if [ -d /run/systemd/system ] && [ "$1" = configure ]; then
	systemctl --system daemon-reload || true
	# An upgrade of one that runs: the new program takes over.
	[ -z "$2" ] || systemctl try-restart heapwatch.service || true
fi
END
cat >"$ROOT/DEBIAN/prerm" <<'END'
#!/bin/sh
set -e
if [ -d /run/systemd/system ] && [ "$1" = remove ]; then
	systemctl --no-reload disable --now heapwatch.service || true
fi
END
cat >"$ROOT/DEBIAN/postrm" <<'END'
#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then
	systemctl --system daemon-reload || true
fi
if [ "$1" = purge ]; then
	rm -rf /var/cache/heapwatch
fi
END
chmod 755 "$ROOT"/DEBIAN/post* "$ROOT"/DEBIAN/prerm
dpkg-deb --root-owner-group --build "$ROOT" "$DIR/heapwatch_${VERSION}_$ARCH.deb"
