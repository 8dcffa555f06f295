#!/bin/sh
# The settings of a configuration for bridges, bonds, VLANs, routes and IPv6, in the variables type, ports, bond_mode,
# vlan_id, link, mtu, routes, method6, address6, prefix6, gateway6, dns6: parsed as config.sh parses the others.
# shellcheck disable=SC2034,SC2154 # the plan is for the other parts; `where` is from config.sh

LINK_KEYS='TYPE PORTS BOND_MODE VLAN_ID LINK MTU ROUTES METHOD6 IP_ADDRESS6 PREFIX6 GATEWAY6 DNS6'

clear_link_plan() {
	clear_link_part
	mtu='' routes=''
	method6='' address6='' prefix6='' gateway6='' dns6=''
}

# Clears the settings that define a bridge, bond or VLAN.
clear_link_part() {
	type='' ports='' bond_mode='' vlan_id='' link=''
}

# Stores one value in the plan; returns 2 for a key that is not in LINK_KEYS: KEY VALUE
set_link_key() {
	case $1 in
	TYPE) set_type "$2" ;;
	PORTS) set_ports "$2" ;;
	BOND_MODE) set_bond_mode "$2" ;;
	VLAN_ID) set_vlan_id "$2" ;;
	LINK) set_link "$2" ;;
	MTU) set_mtu "$2" ;;
	ROUTES) set_routes "$2" ;;
	METHOD6) set_method6 "$2" ;;
	IP_ADDRESS6) set_address6 "$2" ;;
	PREFIX6) set_prefix6 "$2" ;;
	GATEWAY6) set_gateway6 "$2" ;;
	DNS6) set_dns6 "$2" ;;
	*) return 2 ;;
	esac
}

set_type() {
	type=$1
	case $1 in
	bridge | bond | vlan) ;;
	*) complain "$where: TYPE is bridge, bond or vlan, not $1" ;;
	esac
}

# Names separated by commas; none for a bridge with guests only.
set_ports() {
	ports='' rest=$1${1:+,}
	while [ -n "$rest" ]; do
		port=${rest%%,*} rest=${rest#*,}
		is_interface_name "$port" || { complain "$where: not the name of an interface: $port"; return 1; }
		case ,$ports, in
		*",$port,"*) complain "$where: port $port is there twice"; return 1 ;;
		esac
		ports=${ports:+$ports,}$port
	done
}

set_bond_mode() {
	bond_mode=$1
	case $1 in
	active-backup | 802.3ad) ;;
	*) complain "$where: BOND_MODE is active-backup or 802.3ad, not $1" ;;
	esac
}

set_vlan_id() {
	vlan_id=$1
	{ is_number "$1" 4094 && [ "$1" -ge 1 ]; } || complain "$where: not a VLAN from 1 to 4094: $1"
}

set_link() {
	link=$1
	is_interface_name "$1" || complain "$where: not the name of an interface: $1"
}

# Below 1280 bytes there is no IPv6 (RFC 8200).
set_mtu() {
	mtu=$1
	{ is_number "$1" 9216 && [ "$1" -ge 1280 ]; } || complain "$where: not an MTU from 1280 to 9216: $1"
}

# Routes `SUBNET/PREFIX via GATEWAY`, separated by commas.
set_routes() {
	routes='' rest=$1,
	while [ -n "$rest" ]; do
		route=${rest%%,*} rest=${rest#*,}
		is_route "$route" || { complain "$where: not a route SUBNET/PREFIX via GATEWAY: $route"; return 1; }
		routes=${routes:+$routes,}$route
	done
}

is_route() {
	case $1 in
	*/*' via '*) ;;
	*) return 1 ;;
	esac
	subnet=${1%%/*} bits=${1#*/} through=${1#* via }
	bits=${bits%% via *}
	case $subnet in
	*:*)
		is_prefix6 "$bits" && is_subnet6 "$subnet" "$bits" || return 1
		is_host_address6 "$through" || is_link_local6 "$through"
		;;
	*) is_prefix "$bits" && is_subnet "$subnet" "$bits" && is_host_address "$through" ;;
	esac
}

# True for the first address of a subnet: ADDRESS PREFIX
is_subnet() {
	is_host_address "$1" || return 1
	to_number "$1"
	[ $((number & ((1 << (32 - $2)) - 1))) -eq 0 ]
}

is_subnet6() {
	is_host_address6 "$1" || return 1
	skip=$2
	for group in $groups; do
		if [ "$skip" -ge 16 ]; then
			skip=$((skip - 16))
		else
			[ $((group & ((1 << (16 - skip)) - 1))) -eq 0 ] || return 1
			skip=0
		fi
	done
}

set_method6() {
	method6=$1
	case $1 in
	auto | static | off) ;;
	*) complain "$where: METHOD6 is auto, static or off, not $1" ;;
	esac
}

set_address6() {
	address6=$1
	is_host_address6 "$1" || complain "$where: not an IPv6 address that a machine can have: $1"
}

set_prefix6() {
	prefix6=$1
	is_prefix6 "$1" || complain "$where: not a prefix from 1 to 128: $1"
}

set_gateway6() {
	gateway6=$1
	is_host_address6 "$1" || is_link_local6 "$1" || complain "$where: not the IPv6 address of a gateway: $1"
}

set_dns6() {
	dns6='' servers=0 rest=$1,
	while [ -n "$rest" ]; do
		server=${rest%%,*} rest=${rest#*,} servers=$((servers + 1))
		is_name_server6 "$server" || { complain "$where: not the IPv6 address of a name server: $server"; return 1; }
		[ "$servers" -le 3 ] || { complain "$where: more than three name servers"; return 1; }
		dns6=${dns6:+$dns6,}$server
	done
}

# Derives missing values and checks the consistency of the plan.
complete_link_plan() {
	case $type in
	'') [ -z "$ports$bond_mode$vlan_id$link" ] || complain "$where: PORTS, BOND_MODE, VLAN_ID or LINK without TYPE" ;;
	bridge) [ -z "$bond_mode$vlan_id$link" ] || complain "$where: TYPE=bridge together with BOND_MODE, VLAN_ID or LINK" ;;
	bond)
		[ -z "$vlan_id$link" ] || { complain "$where: TYPE=bond together with VLAN_ID or LINK"; return 1; }
		[ -n "$ports" ] || { complain "$where: TYPE=bond without PORTS"; return 1; }
		bond_mode=${bond_mode:-active-backup}
		;;
	vlan)
		[ -z "$ports$bond_mode" ] || { complain "$where: TYPE=vlan together with PORTS or BOND_MODE"; return 1; }
		[ -n "$vlan_id" ] && [ -n "$link" ] || complain "$where: TYPE=vlan without VLAN_ID or LINK"
		;;
	esac || return 1
	[ -z "$type" ] || [ -z "$ssid" ] || { complain "$where: SSID together with TYPE"; return 1; }
	complete_plan6
}

complete_plan6() {
	[ -n "$method6" ] || if [ -n "$address6" ]; then method6=static; else method6=auto; fi
	case $method6 in
	off) [ -z "$address6$prefix6$gateway6$dns6" ] || { complain "$where: METHOD6=off together with an address, gateway or DNS"; return 1; } ;;
	auto) [ -z "$address6$prefix6$gateway6" ] || { complain "$where: METHOD6=auto together with an address or gateway"; return 1; } ;;
	esac
	[ "$method6" = static ] || return 0
	[ -n "$address6" ] || { complain "$where: METHOD6=static without IP_ADDRESS6"; return 1; }
	[ -n "$prefix6" ] || { complain "$where: IP_ADDRESS6 without PREFIX6"; return 1; }
	[ -n "$gateway6" ] || return 0
	! is_same_address6 "$address6" "$gateway6" || { complain "$where: gateway $gateway6 is the machine itself"; return 1; }
	is_link_local6 "$gateway6" || in_subnet6 "$address6" "$gateway6" "$prefix6" ||
		complain "$where: gateway $gateway6 is outside $address6/$prefix6"
}

# True for a plan in which all of these settings have their defaults.
is_plain_plan() {
	[ -z "$type$mtu$routes$dns6" ] && [ "${method6:-auto}" = auto ]
}

write_link_plan() {
	[ -z "$type" ] || echo "TYPE=$type"
	[ -z "$ports" ] || echo "PORTS=$ports"
	[ -z "$bond_mode" ] || echo "BOND_MODE=$bond_mode"
	[ -z "$vlan_id" ] || printf 'LINK=%s\nVLAN_ID=%s\n' "$link" "$vlan_id"
	[ -z "$mtu" ] || echo "MTU=$mtu"
	[ -z "$routes" ] || echo "ROUTES=$routes"
	[ "${method6:-auto}" = auto ] || echo "METHOD6=$method6"
	[ -z "$address6" ] || printf 'IP_ADDRESS6=%s\nPREFIX6=%s\n' "$address6" "$prefix6"
	[ -z "$gateway6" ] || echo "GATEWAY6=$gateway6"
	[ -z "$dns6" ] || echo "DNS6=$dns6"
}
