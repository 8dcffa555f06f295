#!/bin/sh
# IPv6 of an interface: advertised by routers (auto), static, or off.
# shellcheck disable=SC2154 # the plan is from config.sh

# Sets `knob` to a kernel setting for an interface's IPv6; false, and empty, without IPv6: INTERFACE NAME
# It must be one digit: the shell reads byte by byte, and the kernel returns only the first byte of such a file.
read_knob() {
	knob=''
	{ read -r knob <"/proc/sys/net/ipv6/conf/$1/$2"; } 2>/dev/null
	[ -n "$knob" ]
}

# Changes a kernel setting of one digit: INTERFACE NAME VALUE
set_knob() {
	read_knob "$1" "$2" || return 1
	[ "$knob" = "$3" ] || { echo "$3" >"/proc/sys/net/ipv6/conf/$1/$2"; } 2>/dev/null
}

# Prints the IPv6 addresses of an interface, one per line: ADDRESS/PREFIX ORIGIN. ORIGIN is router, static or link.
addresses6_of() {
	/sbin/ip -6 -o addr show dev "$1" 2>/dev/null | awk '
		{
			for (i = 1; i < NF; i++) if ($i == "inet6") address = $(i + 1)
			origin = / dynamic/ ? "router" : "static"
			if (/ scope link/) origin = "link"
			if (!/ temporary/ && !/ dadfailed/) print address, origin
		}'
}

# Prints the gateways of an interface's IPv6 default routes, one per line.
gateways6_of() {
	/sbin/ip -6 route show default dev "$1" 2>/dev/null | awk '
		/ nexthop / { next }
		{ for (i = 1; i < NF; i++) if ($i == "via") print $(i + 1) }'
}

# True if the IPv6 of an interface agrees with the plan, except for what routers decide: INTERFACE
is_ipv6_enacted() {
	read_knob "$1" disable_ipv6 || { [ "$method6" != static ]; return; }
	case $method6,$knob in
	off,1) return 0 ;;
	off,* | *,1) return 1 ;;
	esac
	read_knob "$1" accept_ra
	case $method6,$knob in
	auto,2)
		! was_static6 "$1"
		return
		;;
	static,0) ;;
	*) return 1 ;;
	esac
	found=0
	while read -r present origin; do
		case $origin in
		static) is_same_address6 "${present%/*}" "$address6" && [ "${present#*/}" = "$prefix6" ] && found=$((found + 1)) || return 1 ;;
		router) return 1 ;;
		esac
	done <<-END
		$(addresses6_of "$1")
	END
	[ "$found" -eq 1 ] || return 1
	present=$(gateways6_of "$1")
	[ -n "$gateway6" ] || { [ -z "$present" ]; return; }
	is_same_address6 "$present" "$gateway6"
}

# True if the previous plan had a static address: INTERFACE
was_static6() {
	while read -r line; do
		[ "$line" != METHOD6=static ] || return 0
	done 2>/dev/null <"$RUN/$1/plan"
	return 1
}

# Applies the plan. Switching IPv6 off and on removes all addresses and routes of another method: INTERFACE
apply_ipv6() {
	is_ipv6_enacted "$1" && return 0
	read_knob "$1" disable_ipv6 || { complain "$1: the kernel has no IPv6"; return 1; }
	case $method6 in
	off)
		set_knob "$1" disable_ipv6 1
		return
		;;
	auto)
		# If nothing is configured yet, there is nothing to remove. The value 2 accepts advertisements even if the host
		# forwards packets for guests.
		set_knob "$1" autoconf 1
		if read_knob "$1" accept_ra && [ "$knob" = 1 ] && [ ! -e "$RUN/$1/plan" ]; then
			set_knob "$1" accept_ra 2
			set_knob "$1" disable_ipv6 0
			return
		fi
		set_knob "$1" accept_ra 2
		set_knob "$1" disable_ipv6 1
		set_knob "$1" disable_ipv6 0
		return
		;;
	esac
	set_knob "$1" accept_ra 0
	set_knob "$1" autoconf 0
	set_knob "$1" disable_ipv6 1
	set_knob "$1" disable_ipv6 0
	/sbin/ip -6 addr add "$address6/$prefix6" dev "$1" || { complain "$1: $address6/$prefix6 cannot be set"; return 1; }
	await_free6 "$1" || return 1
	[ -n "$gateway6" ] || return 0
	find_metric "$1"
	/sbin/ip -6 route add default via "$gateway6" dev "$1" metric "$metric" ||
		complain "$1: the default route through $gateway6 cannot be set"
}

# With a carrier, the kernel checks for a second whether another machine has the address (RFC 4862, 5.4).
await_free6() {
	has_carrier "$1" || return 0
	tries=60
	while :; do
		case $(/sbin/ip -6 -o addr show dev "$1" to "$address6") in
		*dadfailed*) complain "$1: another machine has $address6"; return 1 ;;
		*tentative*) ;;
		*) return 0 ;;
		esac
		[ "$tries" -gt 0 ] || { complain "$1: $address6 does not become usable"; return 1; }
		tries=$((tries - 1))
		usleep 50000
	done
}

# Restores the IPv6 of the previous plan: INTERFACE
restore_ipv6() (
	clear_plan
	method6=auto
	[ ! -f "$RUN/$1/plan" ] || read_config "$RUN/$1/plan" || exit 0
	apply_ipv6 "$1"
)

# Sets the plan's static routes through an interface, and removes those of the previous plan: INTERFACE. They are marked
# `proto static`.
apply_routes() {
	[ -n "$routes" ] || grep -qs '^ROUTES=' "$RUN/$1/plan" || return 0
	for family in -4 -6; do
		/sbin/ip "$family" route show dev "$1" proto static 2>/dev/null | while read -r destination _; do
			case ,$routes in
			*",$destination via "*) ;;
			*) /sbin/ip "$family" route del "$destination" dev "$1" proto static ;;
			esac
		done
	done
	failed=0 rest=$routes${routes:+,}
	while [ -n "$rest" ]; do
		route=${rest%%,*} rest=${rest#*,} family=-4
		case $route in
		*:*) family=-6 ;;
		esac
		/sbin/ip "$family" route replace "${route%% via *}" via "${route#* via }" dev "$1" proto static 2>/dev/null ||
			{ complain "$1: no route to ${route%% via *}: ${route#* via } is not reached through it" || failed=1; }
	done
	return "$failed"
}

# True if the routes of the plan are set: INTERFACE
has_routes() {
	[ -n "$routes" ] || return 0
	present=$(/sbin/ip -4 route show dev "$1" proto static 2>/dev/null; /sbin/ip -6 route show dev "$1" proto static 2>/dev/null)
	rest=$routes,
	while [ -n "$rest" ]; do
		case $LINE_END$present in
		*"$LINE_END${rest%%,*} "*) ;;
		*) return 1 ;;
		esac
		rest=${rest#*,}
	done
}
