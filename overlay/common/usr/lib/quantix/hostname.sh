#!/bin/sh
# Host names in files of one line.

# Prints the host name in a file; false if the file contains anything else: FILE
host_name_in() {
	[ -f "$1" ] || return 1
	word=$(head -c 256 "$1" | tr '\000\r' '?\n')
	is_host_name "$word" && echo "$word"
}

# Sets the machine's host name until the next boot, with a loopback address for it in /etc/hosts: NAME
set_host_name() {
	hostname "$1" || return 1
	text=''
	while IFS= read -r line; do
		case $line in
		127.0.1.1[!0-9.]*) ;;
		*) text="$text$line
" ;;
		esac
	done </etc/hosts
	printf '%s127.0.1.1\t%s\n' "$text" "$1" >"/etc/.hosts.$$" && mv -f "/etc/.hosts.$$" /etc/hosts
}
