#!/bin/sh
# Network interfaces and their kinds.

NET=/sys/class/net

# True for a name that the kernel accepts and that is safe as a file name: NAME
is_interface_name() {
	case $1 in
	'' | .* | -* | *[!a-zA-Z0-9._-]*) return 1 ;;
	esac
	[ ${#1} -le 15 ]
}

is_wireless() {
	[ -e "$NET/$1/wireless" ] || [ -e "$NET/$1/phy80211" ]
}

# True for an interface of hardware: bridges, bonds, veth and tap have no device.
is_hardware() {
	[ -e "$NET/$1/device" ] && read_attribute "$1" type && [ "$attribute" = 1 ]
}

# True for an interface of hardware that is configured by default: INTERFACE
is_physical() {
	is_hardware "$1" && { ! is_set_apart "$1" || [ -e "$SESSION/$1.conf" ] || [ -e "$PERSISTENT/$1.conf" ]; }
}

# True for hardware that does not lead to the network: a virtual function of SR-IOV, which is for a guest, and the network
# card that a management controller (BMC) presents on USB, which leads to the controller only. Such a card is not a USB
# adapter, which has its own driver, but a computer at the other end of the cable (USB CDC, RNDIS).
is_set_apart() {
	[ ! -e "$NET/$1/device/physfn" ] || return 0
	{ driver=''; while IFS='=' read -r key word; do [ "$key" != DRIVER ] || driver=$word; done <"$NET/$1/device/uevent"; } 2>/dev/null
	case $driver in
	cdc_ether | cdc_ncm | cdc_eem | cdc_subset | rndis_host) return 0 ;;
	esac
	return 1
}

is_loopback() {
	read_attribute "$1" type && [ "$attribute" = 772 ]
}

kind_of() {
	if is_wireless "$1"; then
		echo wifi
	elif is_hardware "$1"; then
		echo ethernet
	elif [ -d "$NET/$1/bridge" ]; then
		echo bridge
	elif [ -d "$NET/$1/bonding" ]; then
		echo bond
	elif grep -qsx DEVTYPE=vlan "$NET/$1/uevent"; then
		echo vlan
	else
		echo virtual
	fi
}

# Prints the physical interfaces by name, wired ones first.
physical_interfaces() {
	for entry in "$NET"/*; do
		is_physical "${entry##*/}" && ! is_wireless "${entry##*/}" && echo "${entry##*/}"
	done
	for entry in "$NET"/*; do
		is_physical "${entry##*/}" && is_wireless "${entry##*/}" && echo "${entry##*/}"
	done
	return 0
}

is_first_physical() {
	for entry in $(physical_interfaces); do
		[ "$entry" = "$1" ]
		return
	done
	return 1
}

# Sets `attribute` to an attribute of an interface in sysfs; false, and empty, if there is none: INTERFACE NAME
read_attribute() {
	attribute=''
	{ read -r attribute <"$NET/$1/$2"; } 2>/dev/null
}

has_carrier() {
	read_attribute "$1" carrier && [ "$attribute" = 1 ]
}

# Makes an interface ignore ICMP redirects. The kernel accepts them if either `all` or the interface allows it, and an
# interface takes its value from `default` when it appears.
refuse_redirects() {
	{
		echo 0 >"/proc/sys/net/ipv4/conf/$1/accept_redirects"
		echo 0 >"/proc/sys/net/ipv6/conf/$1/accept_redirects"
	} 2>/dev/null
	return 0
}

# Sets the link up. If it was down, waits for the carrier: hardware needs some seconds to negotiate a speed.
raise_link() {
	has_carrier "$1" && return 0
	down=''
	read_attribute "$1" flags || return 1
	[ $((attribute & 1)) -eq 1 ] || is_wireless "$1" || down=yes
	ip link set "$1" up || return 1
	tries=60
	while [ -n "$down" ] && [ "$tries" -gt 0 ] && ! has_carrier "$1"; do
		usleep 50000
		tries=$((tries - 1))
	done
	return 0
}

# Prints the IPv4 addresses of an interface, each as ADDRESS/PREFIX.
addresses_of() {
	ip -f inet -o addr show dev "$1" 2>/dev/null |
		awk '{ for (i = 1; i < NF; i++) if ($i == "inet") print ($(i + 1) ~ "/") ? $(i + 1) : $(i + 1) "/32" }'
}

# Prints the default routes through an interface, one per line, in the format of `ip`.
default_routes_of() {
	ip -f inet route show 2>/dev/null |
		awk -v device="$1" '$1 == "default" { for (i = 2; i < NF; i++) if ($i == "dev" && $(i + 1) == device) print }'
}

# Prints the IPv4 addresses of an interface with all attributes, one per line, as arguments of `ip addr add`.
full_addresses_of() {
	/sbin/ip -4 -o addr show dev "$1" 2>/dev/null | awk -v device="$1" '
		{
			sub(/^.* inet /, "")
			gsub(/\\/, " ")
			line = $1
			for (i = 2; i <= NF; i++) {
				if ($i ~ /^(peer|brd|metric|scope)$/) line = line " " $i " " $(++i)
				else if ($i ~ /_lft$/) { time = $(++i); if (time != "forever") { sub(/sec/, "", time); line = line " " $(i - 1) " " time } }
				else if ($i == "noprefixroute") line = line " " $i
				else if ($i != device && $i !~ /^(secondary|dynamic|deprecated|tentative)$/) line = line " label " $i
			}
			print line
		}'
}

# Prints the routes through an interface in all tables, one per line, as arguments of `ip route`, except those that the
# kernel adds itself.
routes_of() {
	/sbin/ip -4 route show table all dev "$1" 2>/dev/null | sed -e '/ proto kernel /d' -e 's/ *linkdown//' -e 's/ *dead//' -e 's/ *$//'
}

# Sets `metric` to the metric of an interface's default route. Each interface has a different one, so that one route is
# preferred: wired before WiFi.
find_metric() {
	metric=1000
	! is_wireless "$1" || metric=1000000
	! read_attribute "$1" ifindex || metric=$((metric + attribute))
}

# Makes these the only addresses of an interface; those that it already has are not touched: INTERFACE ADDRESS/PREFIX…
set_addresses() {
	drop_other_addresses "$@"
	device=$1
	shift
	present=" $(addresses_of "$device" | tr '\n' ' ')"
	for wanted; do
		case $present in
		*" $wanted "*) ;;
		*) add_address "$device" "$wanted" || return 1 ;;
		esac
	done
}

# Removes addresses other than these: INTERFACE ADDRESS/PREFIX…
drop_other_addresses() {
	device=$1
	shift
	for present in $(addresses_of "$device"); do
		case " $* " in
		*" $present "*) ;;
		*) ip addr del "$present" dev "$device" 2>/dev/null ;;
		esac
	done
}

add_address() {
	case $2 in
	*/31 | */32) ip addr add "$2" dev "$1" ;;
	*) ip addr add "$2" broadcast + dev "$1" ;;
	esac
}

# Adds an address with a lifetime, or renews its lifetime: INTERFACE ADDRESS/PREFIX SECONDS
lend_address() {
	case $2 in
	*/31 | */32) set -- "$@" ;;
	*) set -- "$@" broadcast + ;;
	esac
	device=$1 wanted=$2 lifetime=$3
	shift 3
	ip addr replace "$wanted" "$@" dev "$device" valid_lft "$lifetime" preferred_lft "$lifetime"
}

drop_default_routes() {
	while ip route del default dev "$1" 2>/dev/null; do :; done
}

# Makes GATEWAY the only default route through an interface; without GATEWAY, removes all of them: INTERFACE [GATEWAY]
set_default_route() {
	has_default_route "$1" "$2" && return 0
	drop_default_routes "$1"
	[ -n "$2" ] || return 0
	find_metric "$1"
	ip route add default via "$2" dev "$1" metric "$metric"
}

# True if the only default route through an interface is the wanted one; without GATEWAY, if there is none:
# INTERFACE [GATEWAY]
has_default_route() {
	find_metric "$1"
	default_routes_of "$1" | awk -v gateway="$2" -v metric="$metric" '
		{
			routes++
			for (i = 1; i < NF; i++) if (($i == "via" && $(i + 1) == gateway) || ($i == "metric" && $(i + 1) == metric)) right++
		}
		END { exit gateway == "" ? routes > 0 : !(routes == 1 && right == 2) }'
}
