# shellcheck shell=bash disable=SC2034 # some variables are for the other files
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# The images that every run shares: hypervisor, kernel, and one initramfs each
# for dom0 and for guests.  Built from packages and from the files here only.

# Kernel modules.  Dependencies are found by modprobe.
IMAGE_MODULES='xen-evtchn xen-gntdev xen-gntalloc xen-privcmd xenfs ext4 loop nbd
xen-blkfront xen-netfront virtio virtio_blk virtio_net virtio_console virtio-rng'
IMAGE_MODULES_DOM0='xen-blkback xen-netback bridge tun virtio_pci 9p 9pnet_virtio'
IMAGE_MODULES_FULL='bridge tun veth xfs'

# Programs beside those of busybox.  Coreutils' where busybox's differ in what
# the tests or Xen's hotplug scripts ask of them, or are much slower.  dash is sh:
# busybox's own shell prefers its applets to whatever is on the path.
IMAGE_PROGRAMS='bash dash dd sha256sum stat timeout readlink
xenstore-ls xenstore-read xenstore-write xenstore-watch xenstore-rm xenstore-chmod
xenstore-exists xenstore-list'
IMAGE_PROGRAMS_DOM0='xl xenstored xenconsoled xenconsole xen-init-dom0 libxl-save-helper
lsevtchn flock fsfreeze losetup mount umount mke2fs e2fsck debugfs dumpe2fs tune2fs truncate mktemp
xenstore-control xenctx'

# The tools, which are in no initramfs: dom0 has them in a folder that it mounts,
# "full" guests on a disk.
IMAGE_TOOLS='nbdkit nbd-client nbdcopy nbdinfo qemu-img fio iperf3 ip bridge ethtool
tar xz rngtest mkfs.xfs xfs_repair mke2fs e2fsck debugfs dumpe2fs tune2fs resize2fs fstrim blkdiscard
blockdev losetup mount umount truncate mktemp xentrace xenalyze'
IMAGE_NBDKIT='plugins/nbdkit-file-plugin.so plugins/nbdkit-memory-plugin.so
plugins/nbdkit-null-plugin.so plugins/nbdkit-pattern-plugin.so
filters/nbdkit-cow-filter.so filters/nbdkit-error-filter.so filters/nbdkit-log-filter.so
filters/nbdkit-stats-filter.so'

# kernel_x86_64 VMLINUZ VMLINUX: the ELF kernel inside a bzImage.  Unpacking its
# xz takes 6 s each time a domain is built under TCG; here it is done once.
kernel_x86_64()
{
	local sectors offset length
	sectors=$(od -An -tu1 -j497 -N1 "$1")
	offset=$(od -An -tu4 -j584 -N4 "$1")
	length=$(od -An -tu4 -j588 -N4 "$1")
	dd if="$1" of="$2.packed" bs=1M iflag=skip_bytes,count_bytes status=none \
		skip=$(((sectors + 1) * 512 + offset)) count="$length"
	case $(od -An -tx1 -N4 "$2.packed" | tr -d ' ') in
	fd377a58) xz -dc --single-stream <"$2.packed" >"$2" ;;
	28b52ffd) zstd -qdc <"$2.packed" >"$2" 2>/dev/null || true ;;
	1f8b*) gzip -qdc <"$2.packed" >"$2" || true ;;
	*) die "the kernel of $SUITE is packed in a way the lab does not know" ;;
	esac
	rm "$2.packed"
	readelf -h "$2" >/dev/null 2>&1 || die "could not unpack the kernel of $SUITE"
}

image_etc()
{
	ln -s dash "$1/usr/bin/sh"
	printf 'root::0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$1/etc/passwd"
	printf 'root:x:0:\nnogroup:x:65534:\n' >"$1/etc/group"
	printf '127.0.0.1 localhost\n' >"$1/etc/hosts"
	printf 'options xen-gntalloc limit=65536\n' >"$1/etc/modprobe.conf"
}

# image_compile OUTPUT SOURCE...: not static, because xs_watch fails with EINVAL
# in static programs (libxenstore looks its thread's stack size up by dlsym)
image_compile()
{
	local output=$1
	shift
	"$TARGET_CC" -std=gnu11 -O2 -Wall -Wextra -o "$output" "$@" \
		-lxenstore ||
		die "cannot compile the lab's own programs; run tools/setup lab"
}

# The C library loads this one by name, when a thread is cancelled
image_libgcc()
{
	tree_library "$1" "$(tree_find libgcc_s.so.1 "$PACKAGES"/{usr/,}lib/"$MULTIARCH")" libgcc_s.so.1
}

image_tree_guest()
{
	local tree=$1
	tree_make "$tree"
	image_etc "$tree"
	# shellcheck disable=SC2086 # lists of names
	{
		tree_programs "$tree" usr/bin busybox $IMAGE_PROGRAMS
		tree_modules "$tree" $IMAGE_MODULES
	}
	install -m 755 "$LAB_D/guest/init" "$tree/init"
	install -m 755 "$LAB_D/guest/poweroff" "$tree/usr/sbin/poweroff"
	image_compile "$tree/lab/agent" "$LAB_D"/guest/*.c "$LAB_D/guest-channel.c"
	image_libgcc "$tree"
	tree_libraries "$tree" "$tree" "$PACKAGES"
}

# image_tree_compiler TREE: gcc for static programs, to be used with TREE as its sysroot
image_tree_compiler()
{
	local tree=$1 gcc libc=usr/lib/$MULTIARCH
	gcc=$(cd "$PACKAGES" && echo "usr/lib/gcc/$MULTIARCH"/[0-9]*)
	mkdir -p "$tree/usr/bin" "$tree/$gcc" "$tree/$libc"
	tree_programs "$tree" usr/bin gcc as ld
	cp -r "$PACKAGES/usr/include" "$tree/usr"
	cp -r "$PACKAGES/$gcc"/{cc1,collect2,include,liblto_plugin.so,crt{begin{,T},end}.o,libgcc{,_eh}.a} \
		"$tree/$gcc" && cp "$PACKAGES/$libc"/{crt{1,i,n}.o,libc.a} "$tree/$libc" ||
		die "gcc of $SUITE lacks what the lab wants of it"
}

# image_tree_tools TREE HAVE: the tools, with what of libraries HAVE lacks.  All are
# in sbin, the first on the path, before the applets of busybox.
image_tree_tools()
{
	local tree=$1 nbdkit=usr/lib/$MULTIARCH/nbdkit name
	mkdir -p "$tree"/usr/{sbin,lib} "$tree/$nbdkit"/{plugins,filters}
	ln -s usr/lib "$tree"
	# shellcheck disable=SC2086 # lists of names
	{
		tree_programs "$tree" usr/sbin $IMAGE_TOOLS
		tree_modules "$tree" $IMAGE_MODULES $IMAGE_MODULES_FULL
	}
	for name in $IMAGE_NBDKIT; do
		cp "$PACKAGES/$nbdkit/$name" "$tree/$nbdkit/$name" ||
			die "nbdkit of $SUITE has no $name"
	done
	# Apart from the rest: links to thousands of headers would cost each guest seconds.
	image_tree_compiler "$tree/compiler"
	ln "$tree/usr/sbin/mke2fs" "$tree/usr/sbin/mkfs.ext4"
	ln "$tree/usr/sbin/e2fsck" "$tree/usr/sbin/fsck.ext4"
	tree_libraries "$tree" "$2" "$PACKAGES"
}

# image_link_tools TREE TOOLS PLACE: links in TREE to the tools it lacks, which will
# be below PLACE
image_link_tools()
{
	local file
	(cd "$2" && find . -type f ! -path '*/modules/*' ! -path './compiler/*') | while read -r file; do
		file=${file#./}
		[ ! -e "$1/$file" ] || continue
		mkdir -p "$1/${file%/*}"
		ln -s "$3/$file" "$1/$file"
	done
}

# image_tools_disk TREE FILE: the tools as a file system
image_tools_disk()
{
	local kib
	kib=$(du -sk "$1" | cut -f1)
	truncate -s $((kib + kib / 8 + 4096))K "$2"
	PATH=$PATH:/usr/sbin mke2fs -q -t ext4 -O ^has_journal -m 0 -d "$1" "$2" ||
		die "cannot make the disk of tools"
}

image_tree_dom0()
{
	local tree=$1 command
	tree_make "$tree"
	image_etc "$tree"
	mkdir -p "$tree"/var/lib/xen/dump "$tree"/lab/{bin,images,logs,out,script,share}
	ln -s /lab/logs "$tree/var/log/xen"
	cp -r "$PACKAGES/etc/xen" "$tree/etc"
	# shellcheck disable=SC2086 # lists of names
	{
		tree_programs "$tree" usr/bin busybox $IMAGE_PROGRAMS
		tree_programs "$tree" usr/sbin $IMAGE_PROGRAMS_DOM0
		tree_modules "$tree" $IMAGE_MODULES $IMAGE_MODULES_DOM0
	}
	image_xen_libexec "$tree"
	image_libgcc "$tree"
	for command in guest-start guest-push guest-stop guest-lost; do
		install -m 755 "$LAB_D/dom0/$command" "$tree/lab/bin"
	done
	install -m 644 "$LAB_D/dom0/lab-functions.sh" "$tree/lab/bin"
	install -m 755 "$LAB_D/dom0/init" "$tree/init"
	image_compile "$tree/lab/bin/guest-run" "$LAB_D"/dom0/*.c "$LAB_D/guest-channel.c"
	tree_libraries "$tree" "$tree" "$PACKAGES"
	image_link_tools "$tree" "$2" /lab/images/tools
}

# xl starts some programs by the path it was compiled with
image_xen_libexec()
{
	local libexec program
	libexec=$(cd "$PACKAGES" && echo usr/lib/xen-*.*)
	mkdir -p "$1/$libexec/bin"
	for program in libxl-save-helper xenconsole xen-init-dom0; do
		ln -s "/usr/sbin/$program" "$1/$libexec/bin"
	done
}

image_build()
{
	local dir=$1
	step "unpacking hypervisor and kernel"
	gzip -dc "$PACKAGES"/boot/xen-*.gz >"$dir/xen"
	"kernel_$ARCH" "$(echo "$PACKAGES"/boot/vmlinuz-*)" "$dir/vmlinux"
	step "building the images of dom0 and guests"
	image_tree_guest "$dir/tree-guest"
	tree_pack "$dir/tree-guest" "$dir/guest.cpio"
	image_tree_tools "$dir/tools" "$dir/tree-guest"
	image_tools_disk "$dir/tools" "$dir/tools.img"
	image_tree_dom0 "$dir/tree-dom0" "$dir/tools"
	tree_pack "$dir/tree-dom0" "$dir/dom0.cpio"
	rm -r "$dir/tree-dom0"
}

# image_prepare: sets IMAGES, the folder with all of the above
image_prepare()
{
	local key
	need_commands readelf cpio gzip xz flock modprobe depmod mke2fs "$TARGET_CC"
	packages_prepare
	key=$({
		echo "$PACKAGES"
		cat "$LAB_D"/{image,tree}.sh "$LAB_D"/*.[ch] "$LAB_D"/{dom0,guest}/*
	} | sha256sum | cut -c1-16)
	cache_build images "$TARGET-$key" image_build
	IMAGES=$LAB_CACHE/images/$TARGET-$key
}
