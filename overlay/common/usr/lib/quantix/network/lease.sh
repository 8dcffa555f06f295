#!/bin/sh
# A DHCP lease as udhcpc tells it, made the configuration of its interface.
# shellcheck disable=SC2154 # ip, subnet, router, dns, domain, hostname, serverid, lease are from udhcpc

# Without a lease there is no address, route or name server.
drop_lease() {
	rm -f "$RUN/$1/lease"
	ip link set "$1" up
	drop_default_routes "$1"
	set_addresses "$1"
	set_name_servers "$1" ''
}

# Takes what is sound of a lease; what is there already is not touched. The lease is written last: who waits for it
# finds all the rest.
take_lease() {
	is_host_address "$ip" || { refuse_lease "$1" 'no address'; return; }
	to_prefix "$subnet" || { refuse_lease "$1" 'no netmask'; return; }
	gateway=$(first_router)
	set_addresses "$1" "$ip/$prefix"
	[ -z "$gateway" ] || in_subnet "$ip" "$gateway" "$prefix" || ip route replace "$gateway/32" dev "$1"
	set_default_route "$1" "$gateway"
	{ is_domain "$domain" && is_told "$domain"; } || domain=''
	set_name_servers "$1" "$(name_servers)" "$domain"
	take_host_name
	write_lease | replace_lease "$1"
	announce_address
}

refuse_lease() {
	logger -t qx-network "$1: the DHCP server's lease has $2"
}

first_router() {
	for router in $router; do
		is_host_address "$router" && [ "$router" != "$ip" ] && echo "$router" && return
	done
}

name_servers() {
	list=''
	for server in $dns; do
		is_host_address "$server" && list=${list:+$list,}$server
	done
	echo "$list"
}

write_lease() {
	is_address "$serverid" || serverid=''
	is_number "$lease" 999999999 || lease=0
	printf 'ADDRESS=%s\nPREFIX=%s\nGATEWAY=%s\nSERVER=%s\nSECONDS=%s\nOBTAINED=%s\n' \
		"$ip" "$prefix" "$gateway" "$serverid" "$lease" "$(date +%s)"
}

# True for a name of the server; udhcpc puts `bad` in the place of one that it takes for an attack: NAME
is_told() {
	[ "$1" != bad ]
}

# The server's host name counts where the operator set none.
take_host_name() {
	[ ! -e /quantix/hostname ] && is_host_name "$hostname" && is_told "$hostname" || return 0
	[ "$hostname" = "$(hostname)" ] || hostname "$hostname"
}
