#!/bin/sh
# Parses and compares IPv6 addresses. Does not read the state of the system.

# Sets `groups` to the eight numbers of an address, separated by blanks; false if it is not an address. It must not
# contain a zone or an IPv4 address in dotted form: ADDRESS
to_groups() {
	case $1 in
	'' | : | *[!0-9a-fA-F:]* | *:::* | *::*::* | :[!:]* | *[!:]:) return 1 ;;
	*::*) ;;
	*)
		groups='' count=0
		add_groups "$1" && [ "$count" -eq 8 ] && groups=${groups# }
		return
		;;
	esac
	groups='' count=0
	add_groups "${1##*::}" || return 1
	behind=$groups groups=''
	add_groups "${1%%::*}" && [ "$count" -le 7 ] || return 1
	while [ "$count" -lt 8 ]; do
		groups="$groups 0" count=$((count + 1))
	done
	groups=${groups# }$behind
	groups=${groups# }
}

add_groups() {
	left=$1${1:+:}
	while [ -n "$left" ]; do
		group=${left%%:*} left=${left#*:}
		case $group in
		'' | ?????*) return 1 ;;
		esac
		groups="$groups $((0x$group))" count=$((count + 1))
	done
}

# True for an address that one machine can have and others can reach: not link-local, loopback, multicast, reserved: ADDRESS
is_host_address6() {
	to_groups "$1" || return 1
	first=${groups%% *}
	[ "$first" -gt 0 ] && [ $((first & 0xff00)) -ne $((0xff00)) ] && [ $((first & 0xffc0)) -ne $((0xfe80)) ]
}

is_link_local6() {
	to_groups "$1" && [ $((${groups%% *} & 0xffc0)) -eq $((0xfe80)) ]
}

is_name_server6() {
	is_host_address6 "$1" || { to_groups "$1" && [ "$groups" = '0 0 0 0 0 0 0 1' ]; }
}

is_prefix6() {
	is_number "$1" 128 && [ "$1" -ge 1 ]
}

# True if two texts are the same address: ADDRESS ADDRESS
is_same_address6() {
	[ "$1" != "$2" ] || return 0
	to_groups "$1" || return 1
	one=$groups
	to_groups "$2" && [ "$one" = "$groups" ]
}

# True if two addresses are in one subnet: ADDRESS ADDRESS PREFIX
in_subnet6() {
	to_groups "$1"
	mine=$groups
	to_groups "$2"
	bits=$3
	for group in $mine; do
		[ "$bits" -gt 0 ] || return 0
		other=${groups%% *} groups=${groups#* }
		[ "$bits" -lt 16 ] || { [ "$group" -eq "$other" ] && bits=$((bits - 16)) && continue; return 1; }
		[ $(((group ^ other) >> (16 - bits))) -eq 0 ]
		return
	done
}
