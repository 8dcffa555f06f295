#!/bin/sh
# Files that outlive this session are below /quantix: written completely or not at all, and set aside if invalid.

# True if a writable file system is mounted on a folder: FOLDER
is_writable() {
	awk -v place="$1" '$5 == place { found = 1; writable = $6 ~ /^rw(,|$)/ } END { exit !(found && writable) }' \
		/proc/self/mountinfo
}

# True if files that outlive this session can be written.
is_persistent() {
	is_writable /quantix
}

# Atomically replaces a file by standard input: FILE. Only root can read the new file. After a power cut the file is
# completely old or completely new. It is synced again after the rename, because FAT stores a file's length in the
# folder.
keep_file() {
	keep_folder=${1%/*} keep_name=${1##*/}
	keep_temporary=$keep_folder/.$keep_name.$$
	(
		umask 077
		mkdir -p "$keep_folder" && rm -f "$keep_folder/.$keep_name".* && cat >"$keep_temporary"
	) && sync "$keep_temporary" && mv -f "$keep_temporary" "$1" &&
		sync "$1" "$keep_folder" "${keep_folder%/*}/" && return 0
	rm -f "$keep_temporary"
	return 1
}

# Removes a file, and syncs its folder: FILE
forget_file() {
	[ -e "$1" ] || return 0
	rm -f "$1" && sync "${1%/*}"
}

# Renames an invalid file (`sets it aside`), and reports it. Files that were set aside earlier stay: FILE REASON
set_aside() {
	aside=$1.rejected aside_number=2
	while [ -e "$aside" ]; do
		aside=$1.rejected-$aside_number aside_number=$((aside_number + 1))
	done
	if mv -f "$1" "$aside" 2>/dev/null; then
		# Its new name survives a power cut, as in keep_file.
		sync "$aside" "${aside%/*}/" || report "$aside: not yet on the disk"
		report "$1: $2; set aside as ${aside##*/}"
	else
		report "$1: $2; not used"
	fi
}

# Removes the versions of a file that were set aside, after a new one was written: FILE
forget_set_aside() {
	rm -f "$1.rejected" "$1.rejected-"*
}

# Prints a message for the caller and the consoles: MESSAGE
report() {
	echo "$*" >&2
	echo "<4>quantix: $*" >/dev/kmsg
}
