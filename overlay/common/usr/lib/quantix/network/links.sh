#!/bin/sh
# Bridges, bonds and VLANs: which are configured, their dependencies, and creating them. One change at a time.
# shellcheck disable=SC2154,SC2034 # the plan is from config.sh

# The ip of iproute2. Without the path the shell uses that of busybox, which supports neither bonds nor batches.
IP=/sbin/ip

# Prints the links that files configure, one per line: NAME TYPE NEEDED,… Of several files for a name the first one
# counts, as in config_files.
configured_links() {
	set --
	for file in "$SESSION"/*.conf "$PERSISTENT"/*.conf; do
		[ ! -f "$file" ] || set -- "$@" "$file"
	done
	[ $# -gt 0 ] || return 0
	awk '
		FNR == 1 {
			name = FILENAME
			sub(/.*\//, "", name)
			sub(/\.conf$/, "", name)
			counts = !(name in seen) && name != "static"
			seen[name]
		}
		{ sub(/\r$/, "") }
		counts && /^TYPE=./ { type[name] = substr($0, 6); names[++count] = name }
		counts && /^(PORTS|LINK)=./ { sub(/^[A-Z]*=/, ""); needed[name] = $0 }
		END { for (i = 1; i <= count; i++) print names[i], type[names[i]], needed[names[i]] "," }' "$@"
}

# Sets `owner` to the bridge or bond that, according to the files, has an interface as a port; false, and empty, without
# one: INTERFACE
find_owner() {
	owner='' links=$(configured_links)
	[ -n "$links" ] || return 1
	while read -r candidate kind needed; do
		case $kind,$needed in
		vlan,*) ;;
		*",$1,"*) owner=$candidate && return ;;
		esac
	done <<-END
		$links
	END
	return 1
}

# True for a link that files configure; called after `find_owner`, which reads the files: NAME
is_configured_link() {
	case $LINE_END$links in
	*"$LINE_END$1 "*) return 0 ;;
	esac
	return 1
}

# Prints all links that need an interface, directly or through others, one per line, each after one that it needs:
# INTERFACE
dependents_of() {
	configured_links | awk -v first="$1" '
		{ names[NR] = $1; needed[NR] = "," $3 }
		END {
			found[first]
			do {
				more = 0
				for (i = 1; i <= NR; i++) for (one in found)
					if (!(names[i] in found) && index(needed[i], "," one ",")) { found[names[i]]; print names[i]; more = 1; break }
			} while (more)
		}'
}

# True for a port of a bridge or bond, also if another program configured it; a port has no address of its own:
# INTERFACE
is_port() {
	[ -e "$NET/$1/master" ]
}

is_port_of() {
	# shellcheck disable=SC3013 # both shells have it
	[ "$NET/$1/master" -ef "$NET/$2" ]
}

# True for the interface of a guest on a bridge: INTERFACE
is_guests() {
	[ -e "$NET/$1/tun_flags" ]
}

# Makes the link of the plan, after the links that it needs: NAME. In a subshell, because these load their own plans.
ensure_link() (
	mkdir -p "$RUN" && lock "$RUN/links.lock" 60 || exit 1
	made=0
	{ make_needed "$1" && make_link "$1"; } || made=1
	unlock "$RUN/links.lock"
	exit "$made"
)

# Makes the links that this one needs: NAME. If one cannot be made, this is reported, and the others are made.
make_needed() {
	! find_owner "$1" || [ "$owner" != "$1" ] || { complain "$1 needs itself"; return 1; }
	dependents=" $1 $(dependents_of "$1" | tr '\n' ' ')"
	for one in $(split_list "$ports,$link"); do
		is_configured_link "$one" || continue
		case $dependents in
		*" $one "*) complain "$1 needs itself, through $one"; return 1 ;;
		esac
		make_configured "$one" || :
	done
}

# Makes a link as its file says, after the links that it needs: NAME. In a subshell, because it has another plan.
make_configured() (
	interface=$1
	mkdir -p "$RUN/$1" && load "$1" && make_needed "$1" && make_link "$1"
)

LINE_END='
'

# Prints the words of a list that are separated by commas, one per line.
split_list() {
	rest=$1,
	while [ -n "$rest" ]; do
		[ -z "${rest%%,*}" ] || echo "${rest%%,*}"
		rest=${rest#*,}
	done
}

make_link() {
	mkdir -p "$RUN/$1" || return 1
	case $type in
	bridge) make_bridge "$1" ;;
	bond) make_bond "$1" ;;
	vlan) make_vlan "$1" ;;
	esac || return 1
	set_mtus "$1"
	[ "$type" = vlan ] || release_former_ports "$1"
}

# The bridge keeps the MAC address of its first port, which DHCP servers and other machines already know.
make_bridge() {
	if [ ! -e "$NET/$1" ]; then
		mac=$(first_mac)
		"$IP" link add name "$1" ${mac:+address "$mac"} type bridge forward_delay 0 ||
			{ complain "$1: the bridge cannot be made"; return 1; }
	elif [ ! -d "$NET/$1/bridge" ]; then
		complain "$1: there is an interface of this name that is not a bridge"
		return 1
	fi
	claim_ports "$1"
}

first_mac() {
	for one in $(split_list "$ports"); do
		read_attribute "$one" address && echo "$attribute" && return
	done
}

# The kernel checks the carriers of the ports ten times a second (miimon, in milliseconds).
make_bond() {
	if [ -e "$NET/$1" ] && [ ! -d "$NET/$1/bonding" ]; then
		complain "$1: there is an interface of this name that is not a bond"
		return 1
	fi
	! read_attribute "$1" bonding/mode || [ "${attribute%% *}" = "$bond_mode" ] || "$IP" link del dev "$1"
	if [ ! -e "$NET/$1" ]; then
		set -- "$1" type bond mode "$bond_mode" miimon 100
		[ "$bond_mode" != 802.3ad ] || set -- "$@" xmit_hash_policy layer3+4
		# The driver may create bond0 when it is loaded.
		"$IP" link add name "$@" 2>/dev/null || "$IP" link set dev "$@" 2>/dev/null ||
			{ complain "$1: the bond cannot be made"; return 1; }
	fi
	claim_ports "$1"
}

make_vlan() {
	[ -e "$NET/$link" ] || { complain "$1: there is no interface $link"; return 1; }
	if [ -e "$NET/$1" ]; then
		case $("$IP" -d -o link show dev "$1") in
		*": $1@$link: "*" vlan protocol "*" id $vlan_id "*) return 0 ;;
		*' vlan protocol '*) "$IP" link del dev "$1" ;;
		*) complain "$1: there is an interface of this name that is not a VLAN"; return 1 ;;
		esac
	fi
	"$IP" link set dev "$link" up
	"$IP" link add link "$link" name "$1" type vlan id "$vlan_id" || complain "$1: the VLAN cannot be made"
}

# Sets the MTU of a link and its ports: NAME. If only the previous plan had the key MTU, it becomes 1500.
set_mtus() {
	wanted=$mtu
	[ -n "$wanted" ] || [ ! -e "$RUN/$1/plan" ] || ! grep -qs '^MTU=' "$RUN/$1/plan" || wanted=1500
	[ -n "$wanted" ] || return 0
	for one in $(split_list "$ports") "$1"; do
		read_attribute "$one" mtu || continue
		[ "$attribute" = "$wanted" ] || "$IP" link set dev "$one" mtu "$wanted" ||
			{ complain "$1: $one does not take an MTU of $wanted"; return 1; }
	done
}

# Makes the existing ports of the plan ports of a bridge or bond; one that appears later is added then: NAME
claim_ports() {
	failed=0
	for one in $(split_list "$ports"); do
		if [ "$one" = "$1" ]; then
			complain "$1: its port $one is itself" || failed=1
		elif [ ! -e "$NET/$one" ]; then
			warn "$1: there is no interface $one yet"
		elif find_owner "$one" && [ "$owner" != "$1" ]; then
			complain "$1: $one is a port of $owner" || failed=1
		elif ! is_port_of "$one" "$1" || [ -n "$(addresses_of "$one")$(clients_of "$one")" ]; then
			claim_port "$one" "$1" || failed=1
		fi
	done
	return "$failed"
}

# Makes an interface a port: PORT NAME. Its addresses, default route and lease move to its bridge or bond in one batch, so
# that connections survive, unless the bridge or bond has addresses already.
claim_port() (
	mkdir -p "$RUN/$1" && lock "$RUN/$1/lock" 30 || exit 1
	end_clients "$1"
	{
		echo "link set dev $2 up"
		moved=$(move_addresses "$1" "$2")
		printf '%s\n' "$moved" | grep '^addr add'
		# A bond accepts only ports that are down.
		[ "$type" != bond ] || echo "link set dev $1 down"
		echo "link set dev $1 master $2"
		echo "link set dev $1 up"
		echo "addr flush dev $1 scope global"
		printf '%s\n' "$moved" | grep -v '^addr add'
	} | "$IP" -force -batch - 2>/dev/null
	claimed=0
	is_port_of "$1" "$2" || { complain "$2: $1 cannot be its port" || claimed=1; }
	[ "$claimed" -ne 0 ] || { set_knob "$1" disable_ipv6 1; hand_over "$1" "$2"; }
	unlock "$RUN/$1/lock"
	exit "$claimed"
)

# Lines for `ip -batch` that move the settings of one interface to another, unless that has an address: FROM TO
move_addresses() {
	[ -z "$(addresses_of "$2")" ] || return 0
	find_metric "$2"
	for one in $(addresses_of "$1"); do
		case $one in
		*/31 | */32) echo "addr add $one dev $2" ;;
		*) echo "addr add $one broadcast + dev $2" ;;
		esac
	done
	default_routes_of "$1" | awk -v device="$2" -v metric="$metric" '
		{ for (i = 1; i < NF; i++) if ($i == "via") { print "route replace", $(i + 1) "/32 dev", device; print "route add default via", $(i + 1), "dev", device, "metric", metric; print "route del", $(i + 1) "/32 dev", device; exit } }'
}

# Moves the lease and the name servers of an interface to another: FROM TO
hand_over() {
	if [ -f "$RUN/$1/lease" ] && [ ! -f "$RUN/$2/lease" ]; then
		mv -f "$RUN/$1/lease" "$RUN/$2/lease"
		# A lease is valid for the plan that it was requested for.
		(umask 077 && write_plan >"$RUN/$2/plan")
	fi
	[ ! -f "$RUN/$1/resolver" ] || [ -f "$RUN/$2/resolver" ] || mv -f "$RUN/$1/resolver" "$RUN/$2/resolver"
	rm -f "$RUN/$1/plan" "$RUN/$1/source" "$RUN/$1/problem" "$RUN/$1/retry" "$RUN/$1/lease" "$RUN/$1/resolver" \
		"$RUN/$1/resolver6"
	write_resolver
}

# Ports of the previous plan that are not in this one are configured by their own files again: NAME
release_former_ports() {
	for one in $(split_list "$(sed -n 's/^PORTS=//p' "$RUN/$1/plan" 2>/dev/null)"); do
		case ,$ports, in
		*",$one,"*) continue ;;
		esac
		! is_port_of "$one" "$1" || release_port "$one"
	done
}

release_port() {
	"$IP" link set dev "$1" nomaster
	set_knob "$1" disable_ipv6 0
	"$0" apply "$1" </dev/null >/dev/null 2>&1 9>&- &
}

# True if the link of the plan exists, has all of its ports that exist, and has the plan's MTU: NAME
is_link_enacted() {
	case $type in
	'') return 0 ;;
	bridge) [ -d "$NET/$1/bridge" ] || return 1 ;;
	bond) read_attribute "$1" bonding/mode && [ "${attribute%% *}" = "$bond_mode" ] || return 1 ;;
	vlan) [ -e "$NET/$1" ] || return 1 ;;
	esac
	for one in $(split_list "$ports"); do
		[ ! -e "$NET/$one" ] || is_port_of "$one" "$1" || return 1
	done
	[ -z "$mtu" ] || { read_attribute "$1" mtu && [ "$attribute" = "$mtu" ]; }
}

# Removes a bridge, bond or VLAN, and moves its settings to a port: NAME [PORT]
unmake_link() (
	lock "$RUN/links.lock" 60 && take_apart "$@"
)

# The same, while the caller has the lock of links.
take_apart() (
	end_clients "$1"
	{
		for one in $(split_list "$ports"); do
			is_port_of "$one" "$1" && echo "link set dev $one nomaster"
		done
		[ -z "$2" ] || move_addresses "$1" "$2"
		echo "link del dev $1"
	} | "$IP" -force -batch - 2>/dev/null
	for one in $(split_list "$ports"); do
		set_knob "$one" disable_ipv6 0
	done
	clear_link_part
	if [ -n "$2" ]; then hand_over "$1" "$2"; fi
	for file in "$RUN/$1"/*; do
		[ "$file" = "$RUN/$1/lock" ] || rm -f "$file"
	done
	write_resolver
	[ ! -e "$NET/$1" ]
)
