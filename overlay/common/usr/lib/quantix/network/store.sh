#!/bin/sh
# Where configuration is stored: permanently in PERSISTENT, for this session in SESSION, which has priority until the next
# boot.
# shellcheck disable=SC2034 # the plan is for the other parts

PERSISTENT=/quantix/network
SESSION=/etc/quantix/network

# Prints the files that configure an interface, in the order of priority: INTERFACE
config_files() {
	shared=''
	is_first_physical "$1" && shared=yes
	for folder in "$SESSION" "$PERSISTENT"; do
		[ ! -e "$folder/$1.conf" ] || echo "$folder/$1.conf"
		[ -z "$shared" ] || [ ! -e "$folder/static.conf" ] || echo "$folder/static.conf"
	done
}

# Replaces a file by the plan atomically: after a power cut the file is completely old or completely new: FILE
replace_file() {
	folder=${1%/*}
	mkdir -p "$folder" || return 1
	temporary=$folder/.${1##*/}.$$
	rm -f "$folder/.${1##*/}".*
	umask 077
	write_plan >"$temporary"
	umask 022
	# The file is synced again after the rename, because FAT stores a file's length in the folder.
	is_plan_in "$temporary" && sync "$temporary" && mv -f "$temporary" "$1" && sync "$1" "$folder" && return 0
	rm -f "$temporary"
	complain "$1: cannot be written"
}

remove_file() {
	[ -e "$1" ] || return 0
	rm -f "$1" || { complain "$1: cannot be removed"; return 1; }
	sync "${1%/*}"
}

# Stores the plan permanently; the default is stored by having no file. The session's file, which has priority, is
# removed last.
store_persistent() {
	if [ "$method" = dhcp ] && [ -z "$ssid" ] && is_plain_plan; then
		remove_shared "$PERSISTENT" "$1" && remove_file "$PERSISTENT/$1.conf" || return 1
	else
		replace_file "$PERSISTENT/$1.conf" && remove_shared "$PERSISTENT" "$1" || return 1
	fi
	remove_file "$SESSION/$1.conf" && remove_shared "$SESSION" "$1"
}

store_session() {
	replace_file "$SESSION/$1.conf" && remove_shared "$SESSION" "$1"
}

# Removes static.conf if it is this interface's: FOLDER INTERFACE
remove_shared() {
	[ -e "$1/static.conf" ] && is_first_physical "$2" || return 0
	remove_file "$1/static.conf"
}

# Stores the plan: INTERFACE persistent|session. Files of this interface that were set aside are removed.
store() {
	if [ "$2" = session ]; then
		store_session "$1"
	elif is_persistent; then
		store_persistent "$1"
	else
		warn "$1: nothing to write to is mounted at /quantix; the configuration lasts until the next boot"
		store_session "$1"
	fi && forget_rejected "$1"
}

forget_rejected() {
	for folder in "$SESSION" "$PERSISTENT"; do
		forget_set_aside "$folder/$1.conf"
		[ ! -e "$folder/static.conf.rejected" ] || ! is_first_physical "$1" || forget_set_aside "$folder/static.conf"
	done 2>/dev/null
	return 0
}

# Reads the configuration of an interface into the plan, and its file's name into `source`; DHCP if there is none. A
# file that cannot be parsed is an error. At boot, when nothing is configured yet, it is set aside, and the next file is
# used.
load() {
	for source in $(config_files "$1"); do
		read_config "$source" && return 0
		[ ! -e "$RUN/$1/plan" ] || return 1
		set_aside "$source" 'it has a mistake'
	done
	clear_plan
	method=dhcp method6=auto source=''
}

# Lists ignored files, a line each: files that were set aside, those of the network with their mistake, and files of
# interfaces that do not exist.
unused_files() {
	set -- "${PERSISTENT%/*}"
	for file in "$1"/*.rejected "$1"/*.rejected-* "$1"/*/*.rejected "$1"/*/*.rejected-*; do
		case $file in
		"$PERSISTENT"/*) continue ;;
		esac
		[ ! -e "$file" ] || echo "$file: set aside because it has a mistake; remove this file once the mistake is corrected"
	done
	for file in "$SESSION"/*.conf.rejected "$SESSION"/*.conf.rejected-* "$PERSISTENT"/*.conf.rejected \
		"$PERSISTENT"/*.conf.rejected-*; do
		[ -e "$file" ] || continue
		if mistake=$(read_config "$file" 2>&1); then mistake="$file: it was set aside, and is right now: name it ${file%.rejected*}"; fi
		echo "${mistake#qx-network: }"
	done
	for file in "$SESSION"/*.conf "$PERSISTENT"/*.conf; do
		name=${file##*/} name=${name%.conf}
		if [ -e "$file" ] && [ "$name" != static ] && [ ! -e "$NET/$name" ]; then echo "$file: there is no interface $name"; fi
	done
}
