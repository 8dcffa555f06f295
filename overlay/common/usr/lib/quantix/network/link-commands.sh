#!/bin/sh
# Commands of qx-network for bridges, bonds, VLANs, IPv6 and routes.
# shellcheck disable=SC2154,SC2034 # the plan is shared with the parts

# Makes a bridge, or changes its ports: NAME PORT,…|none. It takes over the settings of its first port.
command_bridge() {
	[ $# -ge 2 ] || usage
	begin_link "$1" bridge "$2"
	shift 2
	finish_link "$@"
}

# NAME PORT,… [--mode MODE]
command_bond() {
	[ $# -ge 2 ] || usage
	begin_link "$1" bond "$2"
	shift 2
	if [ "${1:-}" = --mode ]; then
		[ $# -ge 2 ] || usage
		set_bond_mode "$2" || exit 1
		shift 2
	fi
	finish_link "$@"
}

# Creates or changes a VLAN: NAME INTERFACE ID [OPTION …]
command_vlan() {
	[ $# -ge 3 ] || usage
	begin_link "$1" vlan ''
	set_link "$2" && set_vlan_id "$3" || exit 1
	shift 3
	finish_link "$@"
}

# Reads the plan of an existing link, or begins that of a new one with the settings of its first port: NAME TYPE PORTS
begin_link() {
	is_interface_name "$1" || { complain "not the name of an interface: ${1:-none}"; exit 1; }
	[ "$(id -u)" = 0 ] || { complain 'only root can change the network'; exit 1; }
	name=$1 new_type=$2 new_ports=${3#none}
	find_owner "$name" && { complain "$name is a port of $owner"; exit 1; }
	where=$name
	if load_link "$name" && [ "$type" = "$new_type" ]; then
		is_new=''
	elif [ -e "$NET/$name" ] && [ "$(kind_of "$name")" != "$new_type" ]; then
		complain "$name: there is an interface of this name"
		exit 1
	else
		is_new=yes
		[ -e "$NET/$name" ] && is_new=''
		clear_plan
		method=dhcp
		first=${new_ports%%,*}
		if [ -n "$first" ] && is_interface_name "$first" && [ -e "$NET/$first" ]; then
			load_link "$first" || exit 1
		elif [ "$new_type" = bridge ]; then
			method=off
		fi
		# The bridge does not take over the type of its first port, such as a bond.
		[ -z "$type" ] || clear_link_part
	fi
	[ -z "$ssid" ] || { complain "$name: WiFi cannot be a port"; exit 1; }
	type=$new_type ports='' where=$name
	set_ports "$new_ports" || exit 1
}

# Reads the configuration of an interface; a file with a mistake is not set aside: INTERFACE
load_link() {
	for source in $(config_files "$1"); do
		read_config "$source"
		return
	done
	clear_plan
	method=dhcp method6=auto source=''
}

# Creates and configures the link; if that fails, its first port gets its settings back: [OPTION…]
finish_link() {
	parse_options "$@"
	where=$name
	complete_plan || exit 1
	trap '' HUP PIPE
	interface=$name
	mkdir -p "$RUN/$name" || exit 1
	if ! ensure_link "$name"; then
		back_out
		exit 1
	fi
	take "$name"
	if ! (change "$name"); then
		back_out
		exit 1
	fi
	[ -n "$confirm" ] || forget_ports
	for one in $(dependents_of "$name"); do
		"$0" apply "$one"
	done
}

# A new link is removed; an existing one is configured by its file.
back_out() {
	trap '' INT TERM
	if [ -n "$is_new" ]; then
		unmake_link "$name" "$(first_port)"
		interface=''
		rm -rf "${RUN:?}/${name:?}"
		apply_ports "$ports" >&2
	else
		(load_link "$name" && ensure_link "$name")
	fi
}

# Configures former ports that exist by their own files: PORT,…
apply_ports() {
	for one in $(split_list "$1"); do
		[ ! -e "$NET/$one" ] || "$0" apply "$one"
	done
}

# Prints the first port of the plan that exists.
first_port() {
	for one in $(split_list "$ports"); do
		[ ! -e "$NET/$one" ] || { echo "$one"; return; }
	done
}

# Removes the files of the plan's ports, whose settings the bridge or bond has taken over.
forget_ports() {
	for one in $(split_list "$ports"); do
		forget_files "$one"
	done
}

# Removes the files of a port: INTERFACE. They stay if the change is for the session only, because the next boot needs
# them, and if the port is itself a bridge, bond or VLAN, because they define it.
forget_files() {
	[ "$keep" != session ] || return 0
	if find_owner "$1" && is_configured_link "$1"; then return 0; fi
	remove_file "$SESSION/$1.conf" && remove_shared "$SESSION" "$1"
	! is_persistent || { remove_file "$PERSISTENT/$1.conf" && remove_shared "$PERSISTENT" "$1"; }
}

# Turns the plan of a bridge or bond into that of its port, which keeps its own type: PORT
become_port_plan() {
	clear_link_part
	set_link_keys "$(load_link "$1" 2>/dev/null && write_link_plan | grep -E '^(TYPE|PORTS|BOND_MODE|LINK|VLAN_ID)=')"
}

# Removes a bridge, bond or VLAN; its settings move to its first port: NAME
command_remove() {
	[ $# -eq 1 ] || usage
	if ! is_interface_name "$1" || ! load_link "$1" || [ -z "$type" ]; then
		complain "$1 is no bridge, bond or VLAN that is configured"
		exit 1
	fi
	mkdir -p "$RUN/$1"
	if [ -e "$NET/$1" ]; then take "$1"; fi
	for one in "$NET/$1"/lower_*; do
		is_guests "${one##*/lower_}" || continue
		complain "$1: guests are connected to it"
		exit 1
	done
	one=$(dependents_of "$1" | sed -n 1p)
	[ -z "$one" ] || { complain "$1: $one needs it"; exit 1; }
	name=$1 keep=persistent first=$(first_port) all_ports=$ports
	if [ -n "$first" ]; then
		(
			become_port_plan "$first"
			case $source in
			"$SESSION"/*) keep=session ;;
			esac
			store "$first" "$keep"
		) || exit 1
	fi
	# The lock is kept until the file is removed: otherwise the watch would make the link again by the file.
	(
		lock "$RUN/links.lock" 60 || exit 1
		take_apart "$1" "$first" || { complain "$1: it cannot be removed"; exit 1; }
		remove_file "$SESSION/$1.conf"
		[ ! -e "$PERSISTENT/$1.conf" ] || remove_file "$PERSISTENT/$1.conf"
	) || exit 1
	interface=''
	apply_ports "$all_ports"
	say "$1: removed"
}

# Removes a link that was made for a trial only; false if a file configures it: NAME
drop_unconfirmed() {
	[ -f "$RUN/$1/plan" ] && read_config "$RUN/$1/plan" && [ -n "$type" ] || return 1
	! find_owner "$1" || return 1
	! is_configured_link "$1" || return 1
	all_ports=$ports
	unmake_link "$1" "$(first_port)"
	interface=''
	apply_ports "$all_ports"
}

# No IPv4 address, for example of a bridge for guests only: INTERFACE
command_off() {
	[ $# -ge 1 ] || usage
	take "$1"
	begin_plan "$1"
	method=off
	shift
	parse_options "$@"
	complete_plan || exit 1
	change "$interface"
}

# INTERFACE auto|off|ADDRESS/PREFIX [--gateway ADDRESS] [--dns ADDRESS,…] [--confirm SECONDS]
command_ipv6() {
	[ $# -ge 2 ] || usage
	take "$1"
	load "$1" || exit 1
	where=$1 method6='' address6='' prefix6='' gateway6='' dns6=''
	case $2 in
	*/*) set_address6 "${2%%/*}" && set_prefix6 "${2#*/}" && set_method6 static || exit 1 ;;
	*) set_method6 "$2" || exit 1 ;;
	esac
	shift 2
	keep=persistent confirm='' named='--gateway --dns'
	while [ $# -gt 0 ]; do
		case $1 in
		--session) keep=session ;;
		--gateway=* | --dns=*)
			option=${1%%=*}
			"set_${option#--}6" "${1#*=}" || exit 1
			;;
		--gateway | --dns)
			[ $# -ge 2 ] || usage
			"set_${1#--}6" "$2" || exit 1
			shift
			;;
		--confirm)
			[ $# -ge 2 ] || usage
			set_option "$1" "$2" || exit 1
			shift
			;;
		*) usage ;;
		esac
		shift
	done
	complete_plan || exit 1
	change "$interface"
}

# INTERFACE BYTES|default
command_mtu() {
	[ $# -ge 2 ] || usage
	begin_setting "$1"
	mtu=''
	[ "$2" = default ] || set_mtu "$2" || exit 1
	shift 2
	finish_setting "$@"
}

# INTERFACE 'SUBNET/PREFIX via GATEWAY,…'|none
command_routes() {
	[ $# -ge 2 ] || usage
	begin_setting "$1"
	routes=''
	[ "$2" = none ] || set_routes "$2" || exit 1
	shift 2
	finish_setting "$@"
}

begin_setting() {
	take "$1"
	load "$1" || exit 1
	where=$1
}

finish_setting() {
	keep=persistent confirm='' named='--gateway --dns'
	case ${1:-} in
	'') ;;
	--session) keep=session ;;
	*) usage ;;
	esac
	complete_plan || exit 1
	change "$interface"
}

# Configures an interface that has appeared, and the links that need it: INTERFACE
command_arrive() {
	"$0" apply "$1"
	find_owner "$1" && found=" $owner " || found=''
	for one in $(dependents_of "$1"); do
		case $found in
		*" $one "*) ;;
		*) "$0" apply "$one" ;;
		esac
	done
}

# Creates the configured links that `arrive` does not create, because none of their ports appears: those without ports,
# or whose ports do not exist.
command_links() {
	configured_links | while read -r one _; do
		[ -e "$NET/$one" ] || "$0" apply "$one"
	done
}

# Creates the link that an interface's files define; called before the interface is locked, because others may wait for
# that lock, and after `find_owner`: INTERFACE
prepare_link() (
	is_configured_link "$1" || exit 0
	mkdir -p "$RUN/$1" && lock "$RUN/links.lock" 60 || exit 1
	# `remove` may have removed link and file meanwhile.
	find_owner "$1" || :
	is_configured_link "$1" || exit 0
	interface=$1
	load "$1" || exit 1
	[ -z "$type" ] || { make_needed "$1" && make_link "$1"; }
)

# Removes addresses and DHCP clients from a port, also if another program made it one. False if the interface is not a
# port: INTERFACE
quiet_port() {
	is_port "$1" || return 1
	[ -z "$(clients_of "$1")$(addresses_of "$1")" ] && [ ! -e "$RUN/$1/plan" ] && return 0
	end_clients "$1"
	drop_default_routes "$1"
	set_addresses "$1"
	rm -f "$RUN/$1/plan" "$RUN/$1/source" "$RUN/$1/problem" "$RUN/$1/retry" "$RUN/$1/lease" "$RUN/$1/resolver"
	write_resolver
}

# Adds the type and ports of a bridge or bond that somebody created by hand to its plan, so that they are stored:
# INTERFACE
adopt_link() {
	[ -z "$type" ] || return 0
	if [ -d "$NET/$1/bridge" ]; then
		type=bridge
	elif read_attribute "$1" bonding/mode; then
		type=bond bond_mode=${attribute%% *}
	else
		return 0
	fi
	for one in "$NET/$1"/lower_*; do
		one=${one##*/lower_}
		[ ! -e "$NET/$one" ] || is_guests "$one" || ports=${ports:+$ports,}$one
	done
	ensure_link "$1"
}

# Stores the link's settings, which a change of address keeps.
remember_link_plan() {
	kept_link_plan=$(write_link_plan)
}

recall_link_plan() {
	set_link_keys "$kept_link_plan"
}

# Reads lines KEY=value, as `write_link_plan` prints them, into the plan: LINES
set_link_keys() {
	while IFS= read -r line; do
		[ -z "$line" ] || set_link_key "${line%%=*}" "${line#*=}"
	done <<-END
		$1
	END
}
