#!/bin/sh
# The data disk: data that outlives a restart and is too large for /quantix. `data-folders.sh` of an appliance defines it:
#   lost                  what a restart removes if there is no disk (a clause for a message)
#   waiting               what is not started if there is a disk that cannot be used
#   make_folders FOLDER   makes the folders in FOLDER, with their owners
#   bindings              FOLDER:PLACE …, folders of the disk, and the places where programs expect them
# Logs and the last kernel messages before a crash are stored for every appliance.

: "${lost:=all that is kept is gone}" "${waiting:=what needs it is}" "${bindings:=}"
: "${disk:=/data}"
# Contains why nothing outlives a restart, or why the disk cannot be used. Does not exist if there is no problem.
: "${reason:=/run/quantix/not-persistent}"
# The initramfs writes this file if it finds a data disk and does not mount it.
: "${unmounted:=/run/quantix/unmounted-data}"
: "${pstore:=/sys/fs/pstore}"

# Maximum number of files with last kernel messages; one has about 10 KiB.
CRASH_RECORDS=64

# Prints a message to the consoles and the caller, and stores it: MESSAGE
tell() {
	echo "quantix-data: $1" >&2
	echo "<4>quantix: $1" >/dev/kmsg
	mkdir -p "${reason%/*}"
	echo "$1" >"$reason"
}

# Creates in FOLDER the folders that the image has at PLACE, with their owners and modes: PLACE FOLDER
copy_folders() {
	find "$1" -mindepth 1 -type d | while read -r folder; do
		copy=$2${folder#"$1"}
		[ ! -d "$copy" ] || continue
		# shellcheck disable=SC2046 # owner and mode
		set -- "$1" "$2" $(stat -c '%u:%g %a' "$folder")
		mkdir -p "$copy" && chown "$3" "$copy" && chmod "$4" "$copy" || return
	done
}

# Binds folders of the disk to the places where programs expect them: FOLDER:PLACE…
bind_folders() {
	for binding; do
		mkdir -p "${binding#*:}"
		mountinfo -q "${binding#*:}" && continue
		copy_folders "${binding#*:}" "$disk/${binding%%:*}" &&
			mount -o bind "$disk/${binding%%:*}" "${binding#*:}" || return
	done
}

# Moves crash records of the kernel from the firmware's memory, which is small, to the disk. A record is removed from the
# firmware's memory after its copy has been synced.
save_crash_records() {
	for record in "$pstore"/*; do
		[ -f "$record" ] || continue
		kept=$disk/crash/$(date -u -r "$record" +%Y%m%dT%H%M%SZ)-${record##*/}
		if cp "$record" "$kept.new" && sync "$kept.new" && mv "$kept.new" "$kept" && sync "$disk/crash"; then
			rm -f "$record"
			echo "<4>quantix: the kernel crashed earlier: $kept" >/dev/kmsg
		else
			rm -f "$kept.new"
			return 1
		fi
	done
	# Names begin with their time, so the oldest come first.
	set -- "$disk"/crash/*
	while [ $# -gt "$CRASH_RECORDS" ]; do
		rm -f "$1"
		shift
	done
}

# Makes the appliance's folders and binds them: on the disk, or in memory if there is none. A disk that cannot be used may
# hold all data: nothing starts with empty folders instead.
use_data_disk() {
	rm -f "$reason"
	if [ -s "$unmounted" ]; then
		read -r why <"$unmounted"
		tell "$waiting not started: $why"
		return 1
	fi
	has_disk=yes
	mountinfo -q "$disk" || has_disk=''
	[ -n "$has_disk" ] || tell "$lost at a restart: no disk with a file system for data is there"
	if ! { mkdir -p "$disk/log" && make_folders "$disk"; } 2>/dev/null; then
		tell "$waiting not started: the file system at $disk cannot be written, or knows no owners of files"
		return 1
	fi
	# shellcheck disable=SC2086 # several
	if ! bind_folders log:/var/log $bindings; then
		tell "$waiting not started: a folder of $disk cannot be bound to its place"
		return 1
	fi
	if [ -n "$has_disk" ]; then
		{ mkdir -p "$disk/crash" && chmod 700 "$disk/crash" && save_crash_records; } ||
			echo "quantix-data: what the kernel said when it crashed stays in the firmware: $disk/crash cannot be written" >&2
	fi
}
