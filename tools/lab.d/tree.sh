# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The xen-virtio-msg authors
#
# Putting together a root file system from unpacked packages.  In our trees
# /bin, /sbin and /lib are links into /usr, wherever a package has its files.

tree_make()
{
	mkdir -p "$1"/{dev,proc,sys,tmp,run,root,mnt,etc,var/log,var/lib,lab}
	mkdir -p "$1"/usr/{bin,sbin,lib,lib64}
	ln -s usr/bin usr/sbin usr/lib usr/lib64 "$1"
	ln -s ../run "$1/var/run"
	ln -s ../run/lock "$1/var/lock"
	chmod 1777 "$1/tmp"
}

# tree_find NAME DIR...: where NAME is under the first DIR that has it
tree_find()
{
	local name=$1 dir
	shift
	for dir in "$@"; do
		if [ -e "$dir/$name" ]; then
			echo "$dir/$name"
			return
		fi
	done
	return 1
}

# tree_programs TREE PLACE PROGRAM...: copy packaged programs into TREE/PLACE
tree_programs()
{
	local tree=$1 place=$2 name file
	shift 2
	for name in "$@"; do
		file=$(tree_find "$name" "$PACKAGES"/{usr/lib/xen-*/bin,usr/bin,bin,usr/sbin,sbin}) ||
			die "no package of $SUITE has the program $name"
		cp -L "$file" "$tree/$place/$name"
	done
}

# tree_needs FILE...: the interpreter and the libraries that ELF files name
tree_needs()
{
	readelf -dl "$@" 2>/dev/null | sed -n \
		-e 's/.*(NEEDED).*\[\(.*\)\].*/\1/p' \
		-e 's/.*program interpreter: .*\/\(.*\)\].*/\1/p' | sort -u
}

tree_elf_files()
{
	local file magic
	find "$1" -type f ! -name '*.ko' | while read -r file; do
		IFS= read -r -N 4 magic <"$file" 2>/dev/null || continue
		[ "$magic" != $'\x7fELF' ] || echo "$file"
	done
}

# Ceph's libraries, which fio wants, find one another in a folder of their own.
library_dirs()
{
	local top
	for top in "$@"; do
		printf '%s\n' "$top"/{usr/lib,lib}/"$MULTIARCH" "$top"/{usr/lib,lib,usr/lib64,lib64} \
			"$top/usr/lib/$MULTIARCH/ceph"
	done
}

# tree_libraries TREE HAVE FROM...: copy what TREE's programs need and neither
# TREE nor HAVE has from the first of FROM that has it, and what that needs
tree_libraries()
{
	local tree=$1 have from files names name file
	mapfile -t have < <(library_dirs "$1" "$2")
	shift 2
	mapfile -t from < <(library_dirs "$@")
	mapfile -t files < <(tree_elf_files "$tree")
	while [ ${#files[@]} -gt 0 ]; do
		mapfile -t names < <(tree_needs "${files[@]}")
		files=()
		for name in "${names[@]}"; do
			! tree_find "$name" "${have[@]}" >/dev/null || continue
			file=$(tree_find "$name" "${from[@]}") || die "the library $name is \
needed by a program for the lab, but is in no package of $SUITE that the lab knows"
			tree_library "$tree" "$file" "$name"
			files+=("$file")
		done
	done
}

# The dynamic loader has its name compiled into every program, so it goes where
# that name points; everything else where the loader looks.
tree_library()
{
	local place=usr/lib/$MULTIARCH
	mkdir -p "$1/$place"
	cp -L "$2" "$1/$place/$3"
	case $3 in ld-linux*) ln -sf "../lib/$MULTIARCH/$3" "$1/usr/lib64/$3" ;; esac
}

# tree_modules TREE MODULE...: copy kernel modules and those they depend on
tree_modules()
{
	local tree=$1 version name file
	version=$(basename "$PACKAGES"/lib/modules/*)
	shift
	for name in "$@"; do
		PATH=$PATH:/usr/sbin modprobe -d "$PACKAGES" -S "$version" \
			--show-depends "$name" 2>/dev/null | awk '$1 == "insmod" { print $2 }' ||
			die "the kernel of $SUITE has no module $name"
	done | sort -u | while read -r file; do
		file=lib/modules/${file#*/lib/modules/}
		mkdir -p "$tree/usr/$(dirname "$file")"
		cp "$PACKAGES/$file" "$tree/usr/$file"
		case $file in *.xz) xz -d "$tree/usr/$file" ;; esac
	done
	cp "$PACKAGES/lib/modules/$version"/modules.{order,builtin,builtin.modinfo} \
		"$tree/usr/lib/modules/$version"
	PATH=$PATH:/usr/sbin depmod -b "$tree" "$version"
}

# tree_pack TREE FILE: an initramfs archive.  Not compressed: unpacking under TCG
# costs more than reading, and xl complains about two gzip archives in a row.
tree_pack()
{
	(cd "$1" && find . -print0 | sort -z |
		cpio -0 -o -H newc --owner=0:0 --quiet) >"$2"
}
