# shellcheck shell=bash disable=SC2034 # DEBIAN is for the other files
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# A Debian system that boots by itself, with its kernel and initramfs. mmdebstrap does
# what debootstrap does, but needs no root.

DEBIAN_MIB=1536

debian_packages()
{
	sed -n '/^\[debian\]$/,/^\[/{/^[a-z0-9]/p}' "$LAB_D/../packages" |
		sed "s/@arch@/$DEB_ARCH/" | paste -sd,
}

# debian_mmdebstrap DIR ARGS...: says nothing unless it fails; DIR has its log
debian_mmdebstrap()
{
	local dir=$1
	shift
	mmdebstrap "$@" >"$dir/log" 2>&1 || {
		tail -n 20 "$dir/log" >&2
		die "mmdebstrap could not make a system of Debian $SUITE"
	}
}

# debian_base DIR: the system as Debian has it, DIR/tree.tar; without devices, which only root
# could unpack
debian_base()
{
	packages_sources >"$1/sources.list"
	step "installing Debian $SUITE for $ARCH (170 MB, some minutes)"
	ticking debian_mmdebstrap "$1" --variant=apt --architectures="$DEB_ARCH" --skip=output/dev \
		--include="$(debian_packages)" --dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		"$SUITE" "$1/tree.tar" "$1/sources.list"
}

# debian_additions DIR: what comes into the system, DIR/add.tar: the user's tree, and the
# lab's eye in the guest. The initramfs has what it is told to have alone: each MiB more of
# it costs a boot seconds here.
debian_additions()
{
	local tree=$1/add
	mkdir -p "$tree"/{usr/local/sbin,etc/systemd/system/multi-user.target.wants}
	cp -a "$DEBIAN_TREE/." "$tree" || die "cannot copy the tree $DEBIAN_TREE"
	cp "$IMAGES/tree-guest/lab/agent" "$tree/usr/local/sbin/lab-agent"
	cp "$LAB_D/debian/lab-agent.service" "$tree/etc/systemd/system"
	ln -s ../lab-agent.service "$tree/etc/systemd/system/multi-user.target.wants"
	mkdir -p "$tree/etc/initramfs-tools/conf.d"
	echo MODULES=list >"$tree/etc/initramfs-tools/conf.d/lab"
	tar -C "$tree" --owner=0 --group=0 -cf "$1/add.tar" .
	rm -r "$tree"
}

# debian_install DIR: DIR/disk.img, DIR/vmlinux and DIR/initramfs. All of it is made inside
# the system, where files belong to whom they shall.
# shellcheck disable=SC2016 # a hook is told the system's folder as $1
debian_install()
{
	debian_additions "$1"
	step "installing the kernel module in Debian"
	ticking debian_mmdebstrap "$1" --variant=custom --architectures="$DEB_ARCH" \
		--skip=update,cleanup --format=null \
		--setup-hook="tar-in $(shell_quote "$DEBIAN_BASE/tree.tar") /" \
		--setup-hook='mkdir -p "$1/dev"' \
		--customize-hook="tar-in $(shell_quote "$1/add.tar") /" \
		--customize-hook="sh $(shell_quote "$LAB_D/debian/install") \"\$1\" $DEBIAN_MIB" \
		--customize-hook="download /tmp/disk.img $(shell_quote "$1/disk.img")" \
		--customize-hook="download /tmp/vmlinuz $(shell_quote "$1/vmlinuz")" \
		--customize-hook="download /tmp/initramfs $(shell_quote "$1/initramfs")" \
		"$SUITE" - "$DEBIAN_BASE/sources.list"
	"kernel_$ARCH" "$1/vmlinuz" "$1/vmlinux"
	fallocate --dig-holes "$1/disk.img"
	rm "$1/vmlinuz" "$1/add.tar"
}

# debian_prepare TREE: sets DEBIAN, the folder with Debian and what TREE has: the sources of
# the module for DKMS
debian_prepare()
{
	local key
	need_commands mmdebstrap mke2fs tar
	DEBIAN_TREE=$1
	key=$({
		debian_packages
		declare -f debian_base
	} | sha256sum | cut -c1-16)
	cache_build debian-base "$TARGET-$key" debian_base
	DEBIAN_BASE=$LAB_CACHE/debian-base/$TARGET-$key
	key=$({
		echo "$DEBIAN_BASE $IMAGES"
		cat "$LAB_D"/debian.sh "$LAB_D"/debian/*
		(cd "$DEBIAN_TREE" && find . -type f -print0 | sort -z | xargs -0 sha256sum)
	} | sha256sum | cut -c1-16)
	cache_build debian "$TARGET-$key" debian_install
	DEBIAN=$LAB_CACHE/debian/$TARGET-$key
}
