#!/bin/sh
# Data of the hypervisor on the data disk; sourced by data.sh.
# shellcheck disable=SC2034 # data.sh reads these

lost="virtual machines and their disks are gone"
waiting="libvirt and the virtual machines are"
# Definitions and other data of libvirt: UEFI variables, TPMs, snapshots, saved memory. Its settings are in the image.
bindings="libvirt/qemu:/etc/libvirt/qemu libvirt/storage:/etc/libvirt/storage libvirt/secrets:/etc/libvirt/secrets
	libvirt/nwfilter:/etc/libvirt/nwfilter libvirt/state:/var/lib/libvirt"

# Copies the image's own definitions unless their name is taken, and marks them for autostart: PLACE FOLDER
provide_definitions() {
	for definition in "$1"/*.xml; do
		name=${definition##*/}
		if [ ! -f "$definition" ] || [ -e "$2/$name" ]; then continue; fi
		mkdir -p "$2/autostart" && ln -snf "$1/$name" "$2/autostart/$name" &&
			cp "$definition" "$2/$name.new" && sync "$2/$name.new" && mv "$2/$name.new" "$2/$name" || return
	done
}

# Mode 711: guests' processes can open files whose names they know, but cannot list the folder.
make_folders() {
	mkdir -p "$1/vms" "$1/images" "$1/agent" "$1/libvirt/state" "$1/log/libvirt/qemu" && chown root:root "$1/vms" && chmod 711 "$1/vms" "$1/images" &&
		chmod 700 "$1/agent" || return
	for name in qemu qemu/networks storage secrets nwfilter; do
		mkdir -p "$1/libvirt/$name" && chmod 700 "$1/libvirt/$name" || return
	done
	mountinfo -q /etc/libvirt/qemu && return
	provide_definitions /etc/libvirt/qemu/networks "$1/libvirt/qemu/networks" &&
		provide_definitions /etc/libvirt/storage "$1/libvirt/storage"
}
