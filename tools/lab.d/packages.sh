# shellcheck shell=bash disable=SC2034 # some variables are for the other files
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# The distribution's packages, fetched and unpacked but never installed: apt
# works in folders of its own, so it needs no root, leaves the host's packages
# alone, and can be asked for another architecture or release.

packages_wanted()
{
	sed -n "/^\[image\]\$/,/^\[/{/^[a-z0-9]/p}" "$LAB_D/../packages" |
		sed "s/@arch@/$DEB_ARCH/"
}

# The host's own Debian mirrors, asked for our release: no mirror is written
# down here, and a user's proxy or local mirror is respected.
packages_sources()
{
	local host
	# shellcheck disable=SC1091
	host=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	# shellcheck disable=SC2016 # apt's variables
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)' \
		'Created-By: Packages' |
		awk -v host="$host" -v suite="$SUITE" -v arch="$DEB_ARCH" '
			$3 != "main" || ($4 != "" && $4 != "Debian") { next }
			$2 !~ "^" host "(-updates|-security)?$" { next }
			{ sub("^" host, suite, $2) }
			!seen[$1 $2]++ { printf "deb [arch=%s] %s %s main\n", arch, $1, $2 }'
}

# packages_apt DIR ARGS...: apt-get with everything it keeps under DIR
packages_apt()
{
	local dir=$1
	shift
	apt-get -qq -o Debug::NoLocking=1 \
		-o Dir::State="$dir/state" -o Dir::State::status="$dir/status" \
		-o Dir::Cache="$dir/cache" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::Etc::sourcelist="$dir/sources.list" \
		-o APT::Architecture="$DEB_ARCH" -o APT::Architectures="$DEB_ARCH" \
		-o APT::Sandbox::User=root "$@"
}

# What nothing here needs although others depend on it, as apt's record of what is
# installed: with init-system-helpers would come all of Perl, and with the others the
# compiler of the kernel's headers: the host's own builds for them.
packages_status()
{
	local name
	for name in init-system-helpers linux-compiler-gcc-12-x86 linux-compiler-gcc-12-arm; do
		printf '%s\n' "Package: $name" 'Status: install ok installed' \
			'Version: 99' 'Architecture: all' 'Multi-Arch: foreign' 'Maintainer: nobody' \
			'Description: not wanted' ''
	done
}

# packages_fetch DIR: the wanted packages and all they depend on.  By the status
# file apt believes that nothing else is installed.
packages_fetch()
{
	local dir=$1 names
	mkdir -p "$dir/state/lists/partial" "$dir/cache/archives/partial"
	packages_status >"$dir/status"
	packages_sources >"$dir/sources.list"
	[ -s "$dir/sources.list" ] ||
		die "apt on this host knows no Debian mirror to fetch $SUITE from"
	packages_apt "$dir" update || die "apt could not fetch the package lists of $SUITE"
	mapfile -t names < <(packages_wanted)
	packages_apt "$dir" install -y --no-install-recommends --download-only \
		"${names[@]}" >/dev/null || die "apt could not fetch the packages of $SUITE"
}

packages_unpack()
{
	local deb
	mkdir "$1/tree"
	for deb in "$1"/cache/archives/*.deb; do
		dpkg-deb -x "$deb" "$1/tree" || die "cannot unpack $deb"
	done
	# where the headers believe to be installed
	sed -i "s,^include /usr/src,include ${1%.new}/tree/usr/src," "$1"/tree/usr/src/linux-headers-*/Makefile
	PATH=$PATH:/usr/sbin depmod -b "$1/tree" "$(basename "$1"/tree/lib/modules/*)"
	# unpacked is enough: the archives are as large again
	rm -rf "$1/cache" "$1/state"
}

packages_build()
{
	step "fetching packages of Debian $SUITE for $ARCH (200 MB)"
	ticking packages_fetch "$1"
	step "unpacking packages"
	ticking packages_unpack "$1"
}

# packages_prepare: sets PACKAGES, the folder with the unpacked tree
packages_prepare()
{
	local key
	key=$(packages_wanted | cat - "$LAB_D/packages.sh" | sha256sum | cut -c1-16)
	need_commands apt-get dpkg-deb depmod
	cache_build packages "$TARGET-$key" packages_build
	PACKAGES=$LAB_CACHE/packages/$TARGET-$key/tree
}

# packages_headers: the folder of the kernel's headers
packages_headers()
{
	packages_prepare >&2
	echo "$PACKAGES"/usr/src/linux-headers-*-"$DEB_ARCH"
}
