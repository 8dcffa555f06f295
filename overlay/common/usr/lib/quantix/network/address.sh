#!/bin/sh
# Parses and compares IPv4 addresses, netmasks and prefixes. Does not read the state of the system.

# Splits an address into its octets: octet1 … octet4: ADDRESS
split_address() {
	IFS=. read -r octet1 octet2 octet3 octet4 <<-END
		$1
	END
}

# Sets `number` to an address as a 32-bit number: ADDRESS
to_number() {
	split_address "$1"
	number=$((octet1 << 24 | octet2 << 16 | octet3 << 8 | octet4))
}

# True for a decimal number without leading zeros: WORD GREATEST
is_number() {
	case $1 in
	'' | *[!0-9]* | 0?* | ??????????*) return 1 ;;
	esac
	[ "$1" -le "$2" ]
}

# True for four octets in dotted form, without leading zeros (some programs read those as octal): ADDRESS
is_address() {
	case $1 in
	*[!0-9.]* | *.*.*.*.* | *.) return 1 ;;
	*.*.*.*) ;;
	*) return 1 ;;
	esac
	split_address "$1"
	is_number "$octet1" 255 && is_number "$octet2" 255 && is_number "$octet3" 255 && is_number "$octet4" 255
}

# True for an address that one machine can have: not 0/8, loopback, multicast or reserved: ADDRESS
is_host_address() {
	is_address "$1" || return 1
	[ "$octet1" -ge 1 ] && [ "$octet1" -ne 127 ] && [ "$octet1" -le 223 ]
}

# True for an address that a name server can have, including the machine's own: ADDRESS
is_name_server() {
	is_host_address "$1" || { is_address "$1" && [ "$octet1" -eq 127 ]; }
}

is_prefix() {
	is_number "$1" 32 && [ "$1" -ge 1 ]
}

# Sets `prefix` to the prefix of a netmask; false if its ones are not contiguous: NETMASK
to_prefix() {
	is_address "$1" || return 1
	to_number "$1"
	zeros=$((~number & 0xffffffff))
	[ $((zeros & (zeros + 1))) -eq 0 ] || return 1
	prefix=32
	while [ "$zeros" -gt 0 ]; do
		zeros=$((zeros >> 1)) prefix=$((prefix - 1))
	done
	is_prefix "$prefix"
}

# True if two addresses are in one subnet: ADDRESS ADDRESS PREFIX
in_subnet() {
	to_number "$1"
	first=$number
	to_number "$2"
	[ $(((first ^ number) >> (32 - $3))) -eq 0 ]
}

# True for the first or last address of a subnet, which no machine can have: ADDRESS PREFIX
is_subnet_end() {
	[ "$2" -le 30 ] || return 1
	to_number "$1"
	hosts=$(((1 << (32 - $2)) - 1))
	[ $((number & hosts)) -eq 0 ] || [ $((number & hosts)) -eq "$hosts" ]
}

# True for a host name by RFC 1123: NAME
is_host_name() {
	case $1 in
	'' | -* | *- | *[!a-zA-Z0-9-]*) return 1 ;;
	esac
	[ ${#1} -le 63 ]
}

# True for a domain name of at most 253 characters: DOMAIN
is_domain() {
	case $1 in
	'' | .* | *. | *..* | -* | *[!a-zA-Z0-9.-]*) return 1 ;;
	esac
	[ ${#1} -le 253 ]
}
