#!/bin/sh
# What outlives this session lies below /quantix: written whole or not at all, and set aside where it does not parse.

# True if a file system is mounted in a place, and can be written: PLACE
is_writable() {
	awk -v place="$1" '$5 == place { found = 1; writable = $6 ~ /^rw(,|$)/ } END { exit !(found && writable) }' \
		/proc/self/mountinfo
}

# True if there is a place for what outlives this session, and it can be written.
is_persistent() {
	is_writable /quantix
}

# Replaces a file by standard input, for root only, so that after a power cut it is the old or the new one, whole: FILE
keep_file() {
	keep_folder=${1%/*} keep_name=${1##*/}
	keep_temporary=$keep_folder/.$keep_name.$$
	(
		umask 077
		mkdir -p "$keep_folder" && rm -f "$keep_folder/.$keep_name".* && cat >"$keep_temporary"
	) && sync "$keep_temporary" && mv -f "$keep_temporary" "$1" && sync "$keep_folder" "${keep_folder%/*}/" && return 0
	rm -f "$keep_temporary"
	return 1
}

# Removes a file, also from what a power cut would leave: FILE
forget_file() {
	[ -e "$1" ] || return 0
	rm -f "$1" && sync "${1%/*}"
}

# Takes a file that does not parse out of the way, and says so: FILE WHY
set_aside() {
	if mv -f "$1" "$1.rejected" 2>/dev/null; then
		report "$1: $2; set aside as ${1##*/}.rejected"
	else
		report "$1: $2; not used"
	fi
}

# Tells whoever runs this, and the consoles: MESSAGE
report() {
	echo "$*" >&2
	echo "<4>quantix: $*" >/dev/kmsg
}
