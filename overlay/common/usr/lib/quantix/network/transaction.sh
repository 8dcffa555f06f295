#!/bin/sh
# From a plan to a configured interface: check, apply, verify; or the previous state back.
# shellcheck disable=SC2154 # the plan is from config.sh, the interface from qx-network

# Makes an interface what the plan says; if it is so already, nothing is touched: INTERFACE
enact() {
	changed=''
	is_enacted "$1" && return 0
	raise_link "$1" || { complain "$1: the link cannot be raised"; return 1; }
	[ -z "$ssid" ] || join_wifi "$1" || { restore_wifi "$1"; return 1; }
	"check_$method" "$1" || { restore_wifi "$1"; return 1; }
	remember_state "$1"
	trap 'undo "$interface"; exit 130' INT TERM
	changed=yes
	"apply_$method" "$1" && "verify_$method" "$1" && return 0
	undo "$1"
	return 1
}

# True if the plan that was enacted last is this one and the system still agrees: INTERFACE
is_enacted() {
	is_plan_in "$RUN/$1/plan" || return 1
	[ -z "$ssid" ] || is_wifi_joined "$1" || return 1
	if [ "$method" = dhcp ]; then
		has_own_client "$1" && has_lease_state "$1"
	else
		[ "$(addresses_of "$1")" = "$address/$prefix" ] && has_default_route "$1" "$gateway" && [ -z "$(clients_of "$1")" ]
	fi
}

# True if the one DHCP client of an interface is ours: INTERFACE
has_own_client() {
	find_client "$1" && [ "$(clients_of "$1")" = "$client" ]
}

# True unless there is a lease that the interface does not show (someone took its address or route).
has_lease_state() {
	read_lease "$1" || return 0
	[ "$(addresses_of "$1")" = "$leased_address/$leased_prefix" ] && has_default_route "$1" "$leased_gateway"
}

# Asks whether another machine has the address; nothing was changed yet if one has.
check_static() {
	has_carrier "$1" || { warn "$1: no carrier; whether $address is free cannot be checked"; return 0; }
	arping -q -D -c 1 -w 1 -I "$1" "$address" >/dev/null 2>&1
	[ $? -ne 1 ] || complain "$1: another machine has $address"
}

check_dhcp() {
	:
}

# What `undo` brings back.
remember_state() {
	old_addresses=$(addresses_of "$1") old_routes=$(default_routes_of "$1") old_client=$(clients_of "$1")
	old_resolver=$(cat "$RUN/$1/resolver" 2>/dev/null) old_lease=$(cat "$RUN/$1/lease" 2>/dev/null)
}

# Brings back what `remember_state` saw: addresses, default routes, name servers, the DHCP client.
undo() {
	trap '' INT TERM
	[ -n "$changed" ] || return 0
	changed=''
	end_clients "$1"
	restore_wifi "$1"
	if [ -z "$old_client" ]; then
		restore_state "$1"
	else
		restore_lease "$1"
	fi
}

# Brings back a DHCP client. If no server answers, the lease that it had counts on; the hook ends it in time.
restore_lease() {
	: >"$RUN/$1/lease"
	start_client "$1" "${old_addresses%%/*}"
	await_no_lease "$1" 5
	await_lease "$1" 5 || [ -z "$old_lease" ] || {
		restore_state "$1"
		echo "$old_lease" | replace_lease "$1"
	}
}

# Brings back addresses, default routes and name servers.
restore_state() {
	# shellcheck disable=SC2086 # one word for each address
	set_addresses "$1" $old_addresses
	drop_default_routes "$1"
	echo "$old_routes" | while read -r route; do
		# shellcheck disable=SC2086 # the words of a route
		[ -z "$route" ] || ip route add ${route%linkdown*} 2>/dev/null
	done
	printf '%s\n' "$old_resolver" >"$RUN/$1/resolver"
	write_resolver
}

apply_static() {
	end_clients "$1"
	set_addresses "$1" "$address/$prefix" || { complain "$1: $address/$prefix cannot be set"; return 1; }
	set_default_route "$1" "$gateway" || { complain "$1: the default route through $gateway cannot be set"; return 1; }
	arping -q -U -c 1 -w 1 -I "$1" "$address" </dev/null >/dev/null 2>&1 &
}

verify_static() {
	[ "$(addresses_of "$1")" = "$address/$prefix" ] || { complain "$1: $address/$prefix is not there after setting it"; return 1; }
	has_default_route "$1" "$gateway" || { complain "$1: the default route through ${gateway:-no gateway} is not the only one"; return 1; }
	[ -z "$(clients_of "$1")" ] || complain "$1: a DHCP client is running"
}

apply_dhcp() {
	end_clients "$1"
	rm -f "$RUN/$1/lease"
	set_default_route "$1"
	set_addresses "$1"
	[ -z "$(addresses_of "$1")" ] || { complain "$1: the old address cannot be removed"; return 1; }
	set_name_servers "$1" ''
	start_client "$1" || complain "$1: the DHCP client does not start"
}

verify_dhcp() {
	has_own_client "$1" || complain "$1: there is not exactly one DHCP client"
}

# Keeps what was enacted, for `status` and for telling whether something is to do: INTERFACE SOURCE
conclude() {
	(umask 077 && write_plan >"$RUN/$1/.plan.$$")
	mv -f "$RUN/$1/.plan.$$" "$RUN/$1/plan"
	echo "$2" >"$RUN/$1/source"
	rm -f "$RUN/$1/problem"
	[ "$method" = static ] || return 0
	rm -f "$RUN/$1/lease"
	set_name_servers "$1" "$dns"
	announce_address
}

# A gateway that is silent may only be switched off, so it is no error.
greet_gateway() {
	[ "$method" = static ] && [ -n "$gateway" ] && has_carrier "$1" || return 0
	arping -q -f -c 1 -w 1 -I "$1" "$gateway" >/dev/null 2>&1 || warn "$1: the gateway $gateway does not answer"
}
