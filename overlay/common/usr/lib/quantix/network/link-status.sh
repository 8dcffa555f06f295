#!/bin/sh
# Prints the part of the status about bridges, bonds, VLANs, ports and IPv6.
# shellcheck disable=SC2154 # variables of the plan are from config.sh, those of the state from status.sh

# Sets `master` to the bridge or bond that an interface is a port of, the last component of the kernel's symbolic link;
# empty if none: INTERFACE
find_master() {
	master=''
	! is_port "$1" || { master=$(readlink -f "$NET/$1/master") && master=${master##*/}; }
}

# Prints the part of the JSON object of an interface: INTERFACE
json_link() {
	find_master "$1"
	read_attribute "$1" mtu
	printf ',"mtu":%s,"type":%s,"master":%s,"ports":' "${attribute:-null}" "$(json "$type")" "$(json "$master")"
	# shellcheck disable=SC2046 # a list of words
	json_list $(split_list "$ports")
	printf ',"routes":'
	(
		IFS=,
		# shellcheck disable=SC2086 # a list of routes
		json_list $routes
	)
	printf ',"vlan":'
	if [ "$type" = vlan ]; then printf '{"link":%s,"id":%s}' "$(json "$link")" "$vlan_id"; else printf null; fi
	printf ',"ipv6":{"method":%s,"addresses":[' "$(json "$method6")"
	separator=''
	addresses6_of "$1" | while read -r present origin; do
		printf '%s{"address":"%s","prefix":%s,"origin":"%s"}' "$separator" "${present%/*}" "${present#*/}" "$origin"
		separator=,
	done
	present=$(gateways6_of "$1")
	printf '],"gateway":%s}' "$(json "${present%%[!0-9a-fA-F:]*}")"
}

# Prints the same for people: INTERFACE
tell_link() {
	case $type in
	bridge) say "	bridge of ${ports:-no port}" ;;
	bond) say "	bond ($bond_mode) of $ports" ;;
	vlan) say "	VLAN $vlan_id on $link" ;;
	esac
	find_master "$1"
	[ -z "$master" ] || say "	port of $master"
	[ -z "$routes" ] || say "	routes: $routes"
	addresses6_of "$1" | while read -r present origin; do
		case $origin in
		router) origin='advertised by a router' ;;
		link) origin='of this link only' ;;
		esac
		say "	IPv6 $present, $origin"
	done
	present=$(gateways6_of "$1")
	[ -z "$present" ] || say "	IPv6 gateway $present"
	[ "$method6" != off ] || say '	IPv6 off'
}
