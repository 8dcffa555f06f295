#!/bin/sh
# From a plan to a configured interface: check, apply, verify; or restore the previous state.
# shellcheck disable=SC2154 # the plan is from config.sh, the interface from qx-network

# Minimum number of seconds before a configuration that could not be applied is tried again. Up to 9 are added, so that
# two machines that want one address do not collide again.
RETRY_AFTER=55

# Flag of an interface without ARP, such as a tunnel (IFF_NOARP, linux/if.h).
NO_ARP=0x80

# Configures an interface according to the plan; if it already agrees with the plan, nothing is changed: INTERFACE
enact() {
	changed=''
	refuse_redirects "$1"
	is_enacted "$1" && is_link_enacted "$1" && is_ipv6_enacted "$1" && has_routes "$1" && return 0
	set_mtus "$1" || return 1
	raise_link "$1" || { complain "$1: the link cannot be raised"; return 1; }
	echo $$ >"$RUN/$1/changing"
	remember_state "$1"
	trap 'undo "$interface"; exit 130' INT TERM
	changed=wifi
	if [ -z "$ssid" ] || join_wifi "$1"; then
		"check_$method" "$1" && changed=yes && "apply_$method" "$1" && "verify_$method" "$1" && apply_ipv6 "$1" &&
			apply_own_routes "$1" && return 0
	fi
	undo "$1"
	return 1
}

# True if the plan that was applied last is this one and the system still agrees: INTERFACE
is_enacted() {
	is_plan_in "$RUN/$1/plan" || return 1
	[ -z "$ssid" ] || is_wifi_joined "$1" || return 1
	if [ "$method" = dhcp ]; then
		has_own_client "$1" && has_lease_state "$1"
	elif [ "$method" = off ]; then
		[ -z "$(addresses_of "$1")$(clients_of "$1")" ]
	else
		[ "$(addresses_of "$1")" = "$address/$prefix" ] && has_default_route "$1" "$gateway" && [ -z "$(clients_of "$1")" ]
	fi
}

# True if an interface has exactly one DHCP client, and this is ours: INTERFACE
has_own_client() {
	find_client "$1" && [ "$(clients_of "$1")" = "$client" ]
}

# False if there is a lease that has expired, or whose address or route somebody has removed from the interface.
has_lease_state() {
	read_lease "$1" || return 0
	! is_lease_over "$1" && [ "$(addresses_of "$1")" = "$leased_address/$leased_prefix" ] &&
		has_default_route "$1" "$leased_gateway"
}

# Checks before any change that no other interface of this machine and no other machine has the address.
check_static() {
	owner=$(other_owner "$1" "$address")
	[ -z "$owner" ] || { complain "$1: $owner has $address"; return 1; }
	warn_of_overlap "$1"
	rm -f "$RUN/$1/unasked"
	# An address that a bridge has taken over from its port already belongs to this machine.
	[ "$(addresses_of "$1")" != "$address/$prefix" ] || return 0
	has_carrier "$1" || {
		: >"$RUN/$1/unasked"
		warn "$1: no carrier; whether $address is free is checked when there is one"
		return 0
	}
	ask_for_address "$1" "$address" 3
}

check_dhcp() {
	:
}

check_off() {
	:
}

# Sends ARP probes for an address, a second apart (RFC 5227, 2.1.1); a probe that could not be sent proves nothing. True
# if it is free: INTERFACE ADDRESS TIMES
ask_for_address() {
	read_attribute "$1" flags
	[ $((attribute & NO_ARP)) -eq 0 ] || return 0
	arping -q -D -c "$3" -w "$3" -I "$1" "$2" >/dev/null 2>&1
	case $? in
	0) ;;
	1) complain "$1: another machine has $2" ;;
	*) complain "$1: it could not be checked whether $2 is free" ;;
	esac
}

# Prints another interface of this machine that has an address; empty if none has: INTERFACE ADDRESS
other_owner() {
	ip -f inet -o addr show 2>/dev/null | awk -v own="$1" -v address="$2" '
		{
			device = $2
			sub(/[:@].*/, "", device)
			split($4, words, "/")
			if (device != own && words[1] == address) { print device; exit }
		}'
}

# Reports other interfaces in the network of the plan. This is no error, but the kernel chooses which of them is used.
warn_of_overlap() {
	for one in $(ip -f inet -o addr show 2>/dev/null | awk -v own="$1" '{ sub(/[:@].*/, "", $2); if ($2 != own && $2 != "lo" && $4 ~ "/") print $2 "," $4 }'); do
		present=${one#*,} least=${one##*/}
		[ "$least" -le "$prefix" ] || least=$prefix
		! in_subnet "$address" "${present%/*}" "$least" ||
			warn "$1: $address/$prefix overlaps with $present of ${one%%,*}; the kernel chooses which of them is used"
	done
}

# Stores the state that `undo` restores: addresses with attributes, routes of all tables, MTU, name servers, the DHCP
# client and its lease.
remember_state() {
	old_addresses=$(full_addresses_of "$1") old_routes=$(routes_of "$1") old_client=$(clients_of "$1")
	read_attribute "$1" mtu && old_mtu=$attribute
	old_resolver=$(cat "$RUN/$1/resolver" 2>/dev/null) old_lease=$(cat "$RUN/$1/lease" 2>/dev/null)
}

# Restores the state of `remember_state`. A DHCP client is restarted with the previous lease.
undo() {
	trap '' INT TERM
	case $changed in
	'') return 0 ;;
	wifi) restore_wifi "$1" ;;
	yes)
		end_clients "$1"
		restore_wifi "$1"
		restore_ipv6 "$1"
		restore_state "$1"
		[ -z "$old_client" ] || restore_client "$1"
		;;
	esac
	changed=''
	rm -f "$RUN/$1/changing"
}

# Restarts the previous client; a lease that has expired meanwhile is removed.
restore_client() {
	! is_lease_over "$1" || drop_lease "$1"
	[ -z "$leased_until" ] || lend_address "$1" "$leased_address/$leased_prefix" $((leased_until - now))
	start_client "$1" "$leased_address"
}

# Keeps the present lease, if it is still valid, and asks for its address: INTERFACE
resume_lease() {
	if read_lease "$1" && ! set_lease "$1"; then drop_lease "$1"; fi
	start_client "$1" "$leased_address"
}

restore_state() {
	rm -f "$RUN/$1/lease"
	if read_attribute "$1" mtu && [ "$attribute" != "$old_mtu" ]; then ip link set "$1" mtu "$old_mtu"; fi
	restore_addresses "$1"
	restore_routes "$1"
	[ -z "$old_lease" ] || { printf '%s\n' "$old_lease" >"$RUN/$1/.lease.$$" && mv -f "$RUN/$1/.lease.$$" "$RUN/$1/lease"; }
	printf '%s\n' "$old_resolver" >"$RUN/$1/resolver"
	write_resolver
}

# The order is restored, too: the kernel sends from the first address of a subnet.
restore_addresses() {
	[ "$(full_addresses_of "$1")" != "$old_addresses" ] || return 0
	set_addresses "$1"
	echo "$old_addresses" | while read -r line; do
		# shellcheck disable=SC2086 # the words of an address
		[ -z "$line" ] || /sbin/ip addr add $line dev "$1"
	done
}

# Routes to the link itself come first: others need them.
restore_routes() {
	routes_of "$1" | while read -r line; do
		case "$NEW_LINE$old_routes$NEW_LINE" in
		*"$NEW_LINE$line$NEW_LINE"*) ;;
		*)
			# shellcheck disable=SC2086 # the words of a route
			/sbin/ip -4 route del $line dev "$1"
			;;
		esac
	done
	for kind in link onward; do
		echo "$old_routes" | while read -r line; do
			case $kind,$line in
			*, | link,*' via '* | link,'via '*) continue ;;
			onward,*' via '*) ;;
			onward,*) continue ;;
			esac
			# shellcheck disable=SC2086 # the words of a route
			/sbin/ip -4 route add $line dev "$1" 2>/dev/null
		done
	done
}

NEW_LINE='
'

apply_static() {
	end_clients "$1"
	set_addresses "$1" "$address/$prefix" || { complain "$1: $address/$prefix cannot be set"; return 1; }
	set_default_route "$1" "$gateway" || { complain "$1: the default route through $gateway cannot be set"; return 1; }
}

# Probes again after the address is set: two machines that set it at the same time have both found it free before.
verify_static() {
	[ "$(addresses_of "$1")" = "$address/$prefix" ] || { complain "$1: $address/$prefix is not there after setting it"; return 1; }
	has_default_route "$1" "$gateway" || { complain "$1: the default route through ${gateway:-no gateway} is not the only one"; return 1; }
	[ -z "$(clients_of "$1")" ] || { complain "$1: a DHCP client is running"; return 1; }
	has_carrier "$1" || return 0
	arping -q -U -c 1 -w 1 -I "$1" "$address" </dev/null >/dev/null 2>&1 9>&- &
	ask_for_address "$1" "$address" 1
}

# If the plan is unchanged, a valid lease is kept while the client is restarted: the address still belongs to this
# machine.
apply_dhcp() {
	end_clients "$1"
	if is_plan_in "$RUN/$1/plan" && has_lease "$1"; then
		resume_lease "$1" || complain "$1: the DHCP client does not start"
		return
	fi
	drop_lease "$1"
	[ -z "$(addresses_of "$1")" ] || { complain "$1: the old address cannot be removed"; return 1; }
	start_client "$1" || complain "$1: the DHCP client does not start"
}

verify_dhcp() {
	has_own_client "$1" || complain "$1: there is not exactly one DHCP client"
}

apply_off() {
	end_clients "$1"
	set_default_route "$1"
	set_addresses "$1"
}

verify_off() {
	[ -z "$(addresses_of "$1")" ] || complain "$1: the old address cannot be removed"
}

# Sets the plan's routes. With DHCP and without a lease, this is left to the hook, which sets them with each lease.
apply_own_routes() {
	if [ "$method" != dhcp ] || [ -s "$RUN/$1/lease" ]; then apply_routes "$1"; fi
}

# Stores the applied plan, for `status` and to detect changes: INTERFACE SOURCE
conclude() {
	(umask 077 && write_plan >"$RUN/$1/.plan.$$")
	mv -f "$RUN/$1/.plan.$$" "$RUN/$1/plan"
	echo "$2" >"$RUN/$1/source"
	rm -f "$RUN/$1/problem" "$RUN/$1/retry" "$RUN/$1/changing"
	echo "$dns6" >"$RUN/$1/resolver6"
	[ "$method" != dhcp ] || {
		apply_own_routes "$1"
		[ -z "$dns6" ] || write_resolver
		return 0
	}
	[ ! -f "$RUN/$1/lease" ] || { rm -f "$RUN/$1/lease" && set_time_sources "$1" '' && restore_mtu "$1"; }
	set_name_servers "$1" "$dns"
	[ "$method" = off ] || announce_address
}

# Records that a stored configuration could not be applied, so that the watch tries it again: INTERFACE
retry_later() {
	read_uptime
	echo $((now + RETRY_AFTER + $$ % 10)) >"$RUN/$1/retry"
}

# Probes a static address that was set without a carrier, and removes it if another machine has it: INTERFACE
yield_address() {
	rm -f "$RUN/$1/unasked"
	ask_for_address "$1" "$address" 3 && return 0
	drop_default_routes "$1"
	set_addresses "$1"
	set_name_servers "$1" ''
	retry_later "$1"
	return 1
}

# A silent gateway may just be switched off, so it is no error.
greet_gateway() {
	[ "$method" = static ] && [ -n "$gateway" ] && has_carrier "$1" || return 0
	arping -q -f -c 1 -w 1 -I "$1" "$gateway" >/dev/null 2>&1 || warn "$1: the gateway $gateway does not answer"
}
