# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# What belongs to one run: its folder, and the user's install tree, packed as a
# second archive behind the shared image.  (Linux unpacks initramfs archives
# one after the other.)

# run_folder: sets RUN, a folder that goes away when the lab ends.  The lock
# tells which folders belong to a lab that was killed before it could clean up.
run_folder()
{
	local dir lock
	mkdir -p "$LAB_CACHE/runs"
	for dir in "$LAB_CACHE"/runs/*/; do
		[ ! -e "$dir/lock" ] || flock -n "$dir/lock" rm -rf "$dir" || true
	done
	RUN=$(mktemp -d "$LAB_CACHE/runs/XXXXXXXX")
	at_exit rm -rf "$RUN"
	exec {lock}>"$RUN/lock"
	flock $lock
	mkdir "$RUN/out" "$RUN/images"
}

# merge_usr TREE: what sits in /bin and the like belongs below /usr here; a real
# directory in the archive would take the place of the image's link.  And there is
# no ld.so.conf that would name /usr/local/lib.
merge_usr()
{
	local name
	if [ -d "$1/usr/local" ]; then
		cp -a "$1/usr/local/." "$1/usr"
		rm -r "${1:?}/usr/local"
	fi
	for name in bin sbin lib lib64; do
		if [ ! -d "$1/$name" ] || [ -L "$1/$name" ]; then continue; fi
		mkdir -p "$1/usr/$name"
		cp -a "$1/$name/." "$1/usr/$name"
		rm -r "${1:?}/$name"
	done
	if [ -d "$1/var/run" ] && [ ! -L "$1/var/run" ]; then
		mkdir -p "$1/run"
		cp -a "$1/var/run/." "$1/run"
		rm -r "${1:?}/var/run"
	fi
}

# overlay_build TREE: stage the install tree, with the libraries its programs
# need: the lab's own where it has them, else those of this host, if it is of
# the same kind
overlay_build()
{
	local stage=$RUN/stage from=("$PACKAGES")
	[ "$ARCH" != "$(uname -m)" ] || from+=(/)
	mkdir "$stage"
	cp -a "$1/." "$stage" || die "cannot copy the install tree $1"
	merge_usr "$stage"
	tree_libraries "$stage" "$IMAGES/tree-guest" "${from[@]}"
	tree_pack "$stage" "$RUN/overlay.cpio"
	rm -rf "$stage"
}

# run_images ROOT: the initramfs of dom0 and of guests as this run wants them
run_images()
{
	local overlay=()
	if [ -n "$1" ]; then
		overlay_build "$1"
		overlay=("$RUN/overlay.cpio")
	fi
	cat "$IMAGES/dom0.cpio" "${overlay[@]}" >"$RUN/dom0.cpio"
	cat "$IMAGES/guest.cpio" "${overlay[@]}" >"$RUN/images/initramfs"
	ln "$IMAGES/vmlinux" "$IMAGES/tools.img" "$RUN/images"
	cp -al "$IMAGES/tools" "$RUN/images"
}

# run_debian TREE: Debian with TREE, whose disk dom0 has as /dev/vda
run_debian()
{
	debian_prepare "$1"
	mkdir "$RUN/images/debian"
	ln "$DEBIAN/vmlinux" "$DEBIAN/initramfs" "$RUN/images/debian"
	RUN_DISK=$DEBIAN/disk.img
}
