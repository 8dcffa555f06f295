#!/bin/sh
# Host names in files of one line.

# The host name in a file; false if there is anything else: FILE
host_name_in() {
	[ -f "$1" ] || return 1
	word=$(head -c 256 "$1" | tr '\000\r' '?\n')
	is_host_name "$word" && echo "$word"
}
