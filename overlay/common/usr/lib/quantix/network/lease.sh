#!/bin/sh
# A DHCP lease: the data of udhcpc are checked, applied to the interface, and stored in a file. If somebody removes the
# address, it is restored from this file. The kernel removes the address when its lifetime ends, even if no program
# runs.
# shellcheck disable=SC2154 # ip, subnet, router, … are from udhcpc

# Maximum number of routes of option 121 that are used; each needs a process.
MOST_ROUTES=64

# Folder of time sources for chronyd, one file per interface.
TIME_SOURCES=/run/quantix/ntp

# Sets `now` to the seconds since boot. The system clock is not used, because it may be changed meanwhile.
read_uptime() {
	IFS='. ' read -r now _ </proc/uptime
}

forget_leased() {
	leased_address='' leased_prefix='' leased_gateway='' leased_routes='' leased_dns='' leased_search='' leased_name=''
	leased_time='' leased_mtu='' leased_server='' leased_seconds='' leased_at='' leased_until=''
}

# Sets leased_… from the lease that the hook wrote. Each route is DESTINATION,ROUTER; `at` is in seconds since 1970;
# `until` is in seconds since boot, and empty if the lease has no end. False if there is no lease: INTERFACE
read_lease() {
	forget_leased
	while IFS='=' read -r key text; do
		case $key in
		ADDRESS) leased_address=$text ;;
		PREFIX) leased_prefix=$text ;;
		GATEWAY) leased_gateway=$text ;;
		ROUTES) leased_routes=$text ;;
		DNS) leased_dns=$text ;;
		SEARCH) leased_search=$text ;;
		NAME) leased_name=$text ;;
		TIME) leased_time=$text ;;
		MTU) leased_mtu=$text ;;
		SERVER) leased_server=$text ;;
		SECONDS) leased_seconds=$text ;;
		OBTAINED) leased_at=$text ;;
		UNTIL) leased_until=$text ;;
		esac
	done 2>/dev/null <"$RUN/$1/lease"
}

write_lease() {
	cat >"$RUN/$1/.lease.$$" <<-END && mv -f "$RUN/$1/.lease.$$" "$RUN/$1/lease"
		ADDRESS=$leased_address
		PREFIX=$leased_prefix
		GATEWAY=$leased_gateway
		ROUTES=$leased_routes
		DNS=$leased_dns
		SEARCH=$leased_search
		NAME=$leased_name
		TIME=$leased_time
		MTU=$leased_mtu
		SERVER=$leased_server
		SECONDS=$leased_seconds
		OBTAINED=$leased_at
		UNTIL=$leased_until
	END
}

# True if there is a lease that has expired; the variables of `read_lease` stay set: INTERFACE
is_lease_over() {
	read_lease "$1" && [ -n "$leased_until" ] && read_uptime && [ "$leased_until" -le "$now" ]
}

# True if there is a valid lease: INTERFACE
has_lease() {
	[ -f "$RUN/$1/lease" ] && ! is_lease_over "$1"
}

# Waits for a lease: INTERFACE SECONDS
await_lease() {
	tries=$(($2 * 20))
	until [ -f "$RUN/$1/lease" ]; do
		[ "$tries" -gt 0 ] && has_carrier "$1" || return 1
		tries=$((tries - 1))
		usleep 50000
	done
}

# Removes the lease and its settings: address, routes, name servers, time servers, MTU.
drop_lease() {
	forget_leased
	rm -f "$RUN/$1/lease"
	ip link set "$1" up
	drop_default_routes "$1"
	set_addresses "$1"
	set_name_servers "$1" ''
	set_time_sources "$1" ''
	restore_mtu "$1"
}

# Applies the valid parts of the data of udhcpc; settings that are already right are not changed. The lease is written
# after its settings are applied, because `await_lease` waits for its file. The file `taking` contains the id of this
# process until the end, so that the watch notices if it was killed.
take_lease() {
	echo $$ >"$RUN/$1/taking"
	read_lease "$1"
	routes_before=$leased_routes
	forget_leased
	check_lease "$1" || { rm -f "$RUN/$1/taking"; return 0; }
	for route in $routes_before; do
		case " $leased_routes " in
		*" $route "*) ;;
		*) find_metric "$1" && ip route del "${route%,*}" dev "$1" metric "$metric" 2>/dev/null ;;
		esac
	done
	set_lease "$1"
	write_lease "$1"
	set_kept_routes "$1"
	take_host_name "$1"
	rm -f "$RUN/$1/lease-problem" "$RUN/$1/taking"
	announce_address
}

# Static routes of the interface's plan may go through a router of the lease: INTERFACE
set_kept_routes() {
	routes=''
	while IFS='=' read -r key text; do
		[ "$key" != ROUTES ] || routes=$text
	done 2>/dev/null <"$RUN/$1/plan"
	[ -z "$routes" ] || apply_routes "$1"
}

# Checks the data of udhcpc, like any other input, into leased_…; false, with a report, without a usable address.
check_lease() {
	# The server's data must not be expanded as patterns of file names.
	set -f
	check_words "$1"
	set -- $?
	set +f
	return "$1"
}

# shellcheck disable=SC2086 # lists of addresses
check_words() {
	is_host_address "$ip" || { refuse_lease "$1" 'no address'; return 1; }
	to_prefix "${subnet:-$(class_mask "$ip")}" || { refuse_lease "$1" "an invalid netmask"; return 1; }
	leased_address=$ip leased_prefix=$prefix
	! is_subnet_end "$ip" "$prefix" || { refuse_lease "$1" "an address that no machine can have: $ip/$prefix"; return 1; }
	owner=$(other_owner "$1" "$ip")
	[ -z "$owner" ] || { refuse_lease "$1" "the address of $owner: $ip"; return 1; }
	check_routes
	list_addresses , $dns
	leased_dns=$list
	list_addresses ' ' $ntpsrv
	leased_time=$list
	check_names
	! is_number "$mtu" 65535 || [ "$mtu" -lt 576 ] || leased_mtu=$mtu
	! is_address "$serverid" || leased_server=$serverid
	# Without a lease time udhcpc assumes an hour; the greatest number means a lease without end (RFC 2131, 3.3).
	leased_seconds=${lease:-3600} leased_at=$(date +%s)
	is_number "$leased_seconds" 999999999 || { leased_seconds=0; return 0; }
	read_uptime
	leased_until=$((now + leased_seconds))
}

# Reports why a lease is refused: INTERFACE PROBLEM
refuse_lease() {
	echo "$1: the lease of the DHCP server ${serverid:-without a name} has $2" | tr -c '\n -~' '?' >"$RUN/$1/lease-problem"
	logger -t qx-network <"$RUN/$1/lease-problem"
}

# The netmask of an address without option 1 (RFC 950, appendix).
class_mask() {
	split_address "$1"
	if [ "$octet1" -lt 128 ]; then
		echo 255.0.0.0
	elif [ "$octet1" -lt 192 ]; then
		echo 255.255.0.0
	else
		echo 255.255.255.0
	fi
}

# Checks the routes of option 121 or, only without it, the routers of option 3 (RFC 3442). Routes on the link come
# first: others need them.
check_routes() {
	if [ -z "$staticroutes" ]; then
		for one in $router; do
			is_host_address "$one" && [ "$one" != "$ip" ] && leased_gateway=$one && return
		done
		return 0
	fi
	count=0 onward=''
	# shellcheck disable=SC2086 # destination and router, one after the other
	set -- $staticroutes
	while [ $# -ge 2 ] && [ "$count" -lt "$MOST_ROUTES" ]; do
		check_route "$1" "$2"
		shift 2
		count=$((count + 1))
	done
	leased_routes=${leased_routes:+$leased_routes }$onward
	leased_routes=${leased_routes% }
}

# Adds a route of option 121 to leased_gateway, leased_routes or `onward`: DESTINATION/PREFIX ROUTER
check_route() {
	is_address "${1%/*}" && is_number "${1#*/}" 32 || return 0
	case $2 in
	0.0.0.0) [ "${1#*/}" -eq 0 ] || leased_routes="${leased_routes:+$leased_routes }$1,$2" ;;
	*)
		is_host_address "$2" && [ "$2" != "$ip" ] || return 0
		if [ "${1#*/}" -gt 0 ]; then
			onward="$onward$1,$2 "
		elif [ -z "$leased_gateway" ]; then
			leased_gateway=$2
		fi
		;;
	esac
}

# Sets `list` to the valid addresses of machines among words: SEPARATOR WORD…
list_addresses() {
	list='' separator=$1
	shift
	for one; do
		! is_host_address "$one" || list=${list:+$list$separator}$one
	done
}

# Checks the search domains (option 119, else 15; glibc reads six, resolv.conf(5)) and the first label of the host name.
check_names() {
	count=0
	for one in ${search:-$domain}; do
		if is_domain "$one" && is_told "$one" && [ "$count" -lt 6 ]; then
			leased_search=${leased_search:+$leased_search }$one count=$((count + 1))
		fi
	done
	name=${hostname%%.*}
	! is_host_name "$name" || ! is_told "$name" || [ "$name" = localhost ] || leased_name=$name
}

# True for a name that the server sent; udhcpc replaces a suspicious one by `bad`: NAME
is_told() {
	[ "$1" != bad ]
}

# Configures an interface by leased_…, for the remaining time; false if no time remains: INTERFACE
set_lease() {
	drop_other_addresses "$1" "$leased_address/$leased_prefix"
	if [ -n "$leased_until" ]; then
		read_uptime
		[ "$leased_until" -gt "$now" ] || return 1
		lend_address "$1" "$leased_address/$leased_prefix" $((leased_until - now))
	else
		set_addresses "$1" "$leased_address/$leased_prefix"
	fi || return 1
	for route in $leased_routes; do
		set_route "$1" "${route%,*}" "${route#*,}" || logger -t qx-network "$1: no route to ${route%,*} through ${route#*,}"
	done
	[ -z "$leased_gateway" ] || in_subnet "$leased_address" "$leased_gateway" "$leased_prefix" ||
		ip route replace "$leased_gateway/32" dev "$1"
	set_default_route "$1" "$leased_gateway"
	set_name_servers "$1" "$leased_dns" "$leased_search"
	set_time_sources "$1" "$leased_time"
	if [ -n "$leased_mtu" ] && ! grep -qs '^MTU=' "$RUN/$1/plan"; then lend_mtu "$1" "$leased_mtu"; else restore_mtu "$1"; fi
}

# Sets a route of a lease; the router 0.0.0.0 means the link itself: INTERFACE DESTINATION ROUTER
set_route() {
	find_metric "$1"
	case $3 in
	0.0.0.0) ip route replace "$2" dev "$1" metric "$metric" ;;
	*) ip route replace "$2" via "$3" dev "$1" metric "$metric" ;;
	esac 2>/dev/null
}

# Sets the MTU of an interface for as long as it has the lease: INTERFACE MTU
lend_mtu() {
	read_attribute "$1" mtu && [ "$attribute" != "$2" ] || return 0
	[ -f "$RUN/$1/mtu" ] || echo "$attribute" >"$RUN/$1/mtu"
	ip link set "$1" mtu "$2" || logger -t qx-network "$1: the MTU $2 of the lease cannot be set"
}

restore_mtu() {
	[ -f "$RUN/$1/mtu" ] || return 0
	read -r former <"$RUN/$1/mtu"
	rm -f "$RUN/$1/mtu"
	! is_number "$former" 65535 || ip link set "$1" mtu "$former"
}

# Sets the time servers of an interface's lease for chronyd; none if ADDRESSES is empty: INTERFACE ADDRESSES
set_time_sources() {
	text=''
	for one in $2; do
		text="${text}server $one iburst
"
	done
	[ -n "$text" ] || [ -e "$TIME_SOURCES/$1.sources" ] || return 0
	mkdir -p "$TIME_SOURCES"
	[ "$text" != "$(cat "$TIME_SOURCES/$1.sources" 2>/dev/null)
" ] || return 0
	if [ -n "$text" ]; then
		printf '%s' "$text" >"$TIME_SOURCES/.$1.$$" && mv -f "$TIME_SOURCES/.$1.$$" "$TIME_SOURCES/$1.sources"
	else
		rm -f "$TIME_SOURCES/$1.sources"
	fi
	/usr/sbin/qx-time refresh </dev/null >/dev/null 2>&1 9>&- || :
}

# The host name of a lease is used if the operator set none. Of several, that of the preferred interface is used, so that
# renewals do not change the name back and forth.
take_host_name() {
	[ -n "$leased_name" ] && [ ! -e /quantix/hostname ] && [ "$leased_name" != "$(hostname)" ] || return 0
	find_metric "$1"
	own=$metric
	for other in "$RUN"/*/lease; do
		other=${other%/lease} other=${other##*/}
		if [ "$other" != "$1" ] && [ -e "$NET/$other" ] && find_metric "$other" && [ "$metric" -lt "$own" ] &&
			grep -qs '^NAME=.' "$RUN/$other/lease"; then return 0; fi
	done
	set_host_name "$leased_name"
}
