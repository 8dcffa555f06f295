#!/bin/sh
# The plan: the configuration of an interface, in the variables method, address, prefix, gateway, dns, ssid, psk. Files
# of lines KEY=value (docs/network.md) are parsed, never sourced.
# shellcheck disable=SC2034 # the plan is for the other parts

GREATEST_FILE=4096

clear_plan() {
	method='' address='' prefix='' gateway='' dns='' ssid='' psk=''
	clear_link_plan
}

# Reads a file into the plan; reports file and line of the first mistake: FILE [NAME]
read_config() {
	clear_plan
	keys=' ' called=${2:-$1} where=$1
	[ -f "$1" ] || { complain "$called: not a file"; return 1; }
	size=$(wc -c <"$1") || { complain "$called: cannot be read"; return 1; }
	[ "$size" -le "$GREATEST_FILE" ] || { complain "$called: larger than $GREATEST_FILE bytes"; return 1; }
	[ "$(tr -d '\000' <"$1" | wc -c)" -eq "$size" ] || { complain "$called: has NUL characters"; return 1; }
	line_number=0
	while IFS= read -r line || [ -n "$line" ]; do
		line_number=$((line_number + 1))
		where=$called:$line_number
		case $line in
		"$BYTE_ORDER_MARK"*) complain "$where: begins with a byte order mark (BOM): save the file as UTF-8 without one"; return 1 ;;
		esac
		read_line "${line%"$CARRIAGE_RETURN"}" || return 1
	done <"$1"
	where=$called
	complete_plan
}

CARRIAGE_RETURN=$(printf '\r') BYTE_ORDER_MARK=$(printf '\357\273\277')

read_line() {
	case $1 in
	'' | '#'*) return 0 ;;
	*=*) ;;
	*) complain "$where: not a line KEY=value"; return 1 ;;
	esac
	key=${1%%=*}
	case $keys in
	*" $key "*) complain "$where: $key is there twice"; return 1 ;;
	esac
	set_key "$key" "${1#*=}" && keys="$keys$key "
}

# Stores one value in the plan: KEY VALUE
set_key() {
	case $1 in
	METHOD) set_method "$2" ;;
	IP_ADDRESS) set_address "$2" ;;
	PREFIX) set_prefix "$2" ;;
	NETMASK) set_netmask "$2" ;;
	GATEWAY) set_gateway "$2" ;;
	DNS) set_dns "$2" ;;
	SSID) set_ssid "$2" ;;
	PSK) set_psk "$2" ;;
	*)
		set_link_key "$1" "$2" && return
		[ $? -eq 2 ] || return 1
		complain "$where: unknown key (METHOD IP_ADDRESS PREFIX NETMASK GATEWAY DNS SSID PSK $LINK_KEYS)"
		;;
	esac
}

set_method() {
	method=$1
	case $1 in
	dhcp | static | off) ;;
	*) complain "$where: METHOD is dhcp, static or off, not $1" ;;
	esac
}

set_address() {
	address=$1
	is_host_address "$1" || complain "$where: not an address that a machine can have: $1"
}

set_prefix() {
	[ -z "$prefix" ] || { complain "$where: both PREFIX and NETMASK"; return 1; }
	prefix=$1
	is_prefix "$1" || complain "$where: not a prefix from 1 to 32: $1"
}

set_netmask() {
	[ -z "$prefix" ] || { complain "$where: both PREFIX and NETMASK"; return 1; }
	to_prefix "$1" || complain "$where: not a netmask, ones followed by zeros: $1"
}

set_gateway() {
	gateway=$1
	is_host_address "$1" || complain "$where: not the address of a gateway: $1"
}

# At most three: the C library uses no more.
set_dns() {
	dns='' servers=0 rest=$1,
	while [ -n "$rest" ]; do
		server=${rest%%,*} rest=${rest#*,} servers=$((servers + 1))
		is_name_server "$server" || { complain "$where: not the address of a name server: $server"; return 1; }
		[ "$servers" -le 3 ] || { complain "$where: more than three name servers"; return 1; }
		dns=${dns:+$dns,}$server
	done
}

# A line feed would end the line in the file.
set_ssid() {
	ssid=$1
	case ${#1}$1 in
	*"$LINE_FEED"* | *"$CARRIAGE_RETURN"*) complain "$where: a WiFi name has no line ends" ; return ;;
	esac
	case ${#1} in
	0 | 3[3-9] | [4-9]? | ???*) complain "$where: a WiFi name has 1 to 32 bytes" ;;
	esac
}

LINE_FEED='
'

set_psk() {
	psk=$1
	if [ ${#1} -eq 64 ]; then
		case $1 in
		*[!0-9a-fA-F]*) ;;
		*) return 0 ;;
		esac
	elif [ ${#1} -ge 8 ] && [ ${#1} -le 63 ]; then
		case $1 in
		*[!\ -~]*) ;;
		*) return 0 ;;
		esac
	fi
	complain "$where: a WiFi password has 8 to 63 printable ASCII characters, or 64 hexadecimal digits"
}

# Derives missing values and checks the consistency of the plan.
complete_plan() {
	[ -n "$method" ] || if [ -n "$address" ]; then method=static; else method=dhcp; fi
	[ -z "$psk" ] || [ -n "$ssid" ] || { complain "$where: PSK without SSID"; return 1; }
	complete_link_plan || return 1
	if [ "$method" != static ]; then
		[ -z "$address$prefix$gateway$dns" ] || complain "$where: METHOD=$method together with an address, gateway or DNS"
		return
	fi
	[ -n "$address" ] || { complain "$where: METHOD=static without IP_ADDRESS"; return 1; }
	[ -n "$prefix" ] || { complain "$where: IP_ADDRESS without PREFIX or NETMASK"; return 1; }
	is_subnet_end "$address" "$prefix" && { complain "$where: $address/$prefix is the first or last address of its subnet"; return 1; }
	[ -n "$gateway" ] || return 0
	in_subnet "$address" "$gateway" "$prefix" || { complain "$where: gateway $gateway is outside $address/$prefix"; return 1; }
	[ "$gateway" != "$address" ] || { complain "$where: gateway $gateway is the machine itself"; return 1; }
	! is_subnet_end "$gateway" "$prefix" || complain "$where: gateway $gateway is the first or last address of its subnet"
}

# True if a file agrees with the plan: FILE
is_plan_in() {
	[ -f "$1" ] && [ "$(cat "$1")" = "$(write_plan)" ]
}

# Prints the plan as the text of a file.
write_plan() {
	echo "METHOD=$method"
	[ -z "$address" ] || printf 'IP_ADDRESS=%s\nPREFIX=%s\n' "$address" "$prefix"
	[ -z "$gateway" ] || echo "GATEWAY=$gateway"
	[ -z "$dns" ] || echo "DNS=$dns"
	[ -z "$ssid" ] || printf 'SSID=%s\n' "$ssid"
	[ -z "$psk" ] || printf 'PSK=%s\n' "$psk"
	write_link_plan
}
