#!/bin/sh
# The present state, for people and for programs.
# shellcheck disable=SC2154,SC2034 # the plan is from config.sh

# Reads the state of an interface into variables: INTERFACE
look_at() {
	clear_plan
	source='' problem='' speed=''
	if [ -f "$RUN/$1/plan" ]; then
		read_config "$RUN/$1/plan"
		IFS= read -r source <"$RUN/$1/source"
	elif is_port "$1" && load_link "$1"; then
		# A port has no plan of its own, but may be a bond or a VLAN.
		method='' method6='' routes='' dns6='' ssid='' source=''
	fi 2>/dev/null
	[ ! -f "$RUN/$1/problem" ] || IFS= read -r problem 2>/dev/null <"$RUN/$1/problem"
	[ -n "$problem" ] || [ ! -f "$RUN/$1/lease-problem" ] || IFS= read -r problem 2>/dev/null <"$RUN/$1/lease-problem"
	find_client "$1"
	[ "$method" != dhcp ] || [ -n "$client$problem" ] || problem="$1: the DHCP client does not run; it is started again"
	! is_lease_over "$1" || forget_leased
	left=''
	if read_trial "$1"; then left=$((trial_until - now)); fi
	servers=$(sed -n 's/^nameserver //p' "$RUN/$1/resolver" 2>/dev/null)
	[ -z "$dns6" ] || servers="$servers $(split_list "$dns6")"
	router=$(default_routes_of "$1" | awk '{ for (i = 1; i < NF; i++) if ($i == "via") { print $(i + 1); exit } }')
	read_attribute "$1" speed && is_number "$attribute" 999999999 && speed=$attribute
	carrier=false
	has_carrier "$1" && carrier=true
}

# Prints a JSON string, or null if the text is empty: TEXT
json() {
	case $1 in
	'') printf null ;;
	*[!\ -~]* | *[\\\"]*) printf '"%s"' "$(printf '%s' "$1" | tr -c '\040-\176' '?' | sed 's/[\\"]/\\&/g')" ;;
	*) printf '"%s"' "$1" ;;
	esac
}

# Prints a JSON list of strings: WORD…
json_list() {
	separator=''
	printf '['
	for word; do
		printf '%s' "$separator"
		json "$word"
		separator=,
	done
	printf ']'
}

# Prints addresses as JSON: ADDRESS/PREFIX…
json_addresses() {
	separator=''
	printf '['
	for word; do
		printf '%s{"address":"%s","prefix":%s}' "$separator" "${word%/*}" "${word#*/}"
		separator=,
	done
	printf ']'
}

json_client() {
	[ -n "$client" ] || { printf null; return; }
	printf '{"pid":%s,"lease":' "$client"
	if [ -n "$leased_at" ]; then
		printf '{"address":%s,"server":%s,"seconds":%s,"obtained":%s}' "$(json "$leased_address")" \
			"$(json "$leased_server")" "$leased_seconds" "$leased_at"
	else
		printf null
	fi
	printf '}'
}

# shellcheck disable=SC2046,SC2086 # lists of words
json_interface() {
	look_at "$1"
	read_attribute "$1" address
	printf '{"name":%s,"kind":%s,"mac":%s,"carrier":%s,"speed":%s,' "$(json "$1")" "$(json "$(kind_of "$1")")" \
		"$(json "$attribute")" "$carrier" "${speed:-null}"
	printf '"method":%s,"source":%s,"ssid":%s,"addresses":' "$(json "$method")" "$(json "$source")" "$(json "$ssid")"
	json_addresses $(addresses_of "$1")
	json_link "$1"
	printf ',"gateway":%s,"dns":' "$(json "$router")"
	json_list $servers
	printf ',"dhcp":'
	json_client
	printf ',"confirm":%s,"problem":%s}' "${left:-null}" "$(json "$problem")"
}

# Prints the interfaces that the status shows: physical ones, and others that were configured by name.
known_interfaces() {
	physical_interfaces
	for plan in "$RUN"/*/plan; do
		name=${plan%/plan} name=${name##*/}
		[ ! -e "$NET/$name" ] || is_physical "$name" || echo "$name"
	done
	for name in $(configured_links | sed 's/ .*//'); do
		[ -e "$RUN/$name/plan" ] || [ ! -e "$NET/$name" ] || is_physical "$name" || echo "$name"
	done
}

# Prints the interface of the default route that the kernel prefers.
preferred_interface() {
	ip -f inet route show | awk '
		$1 == "default" {
			metric = 0; device = ""
			for (i = 2; i < NF; i++) { if ($i == "dev") device = $(i + 1); if ($i == "metric") metric = $(i + 1) }
			if (/linkdown|dead/) metric += 4294967296
			if (best == "" || metric < least) { best = device; least = metric }
		}
		END { print best }'
}

status_json() {
	persistent=false
	is_persistent && persistent=true
	printf '{"persistent":%s,"hostname":%s,"default":%s,"interfaces":[' "$persistent" "$(json "$(hostname)")" \
		"$(json "$(preferred_interface)")"
	comma=''
	for one in $(known_interfaces); do
		printf '%s' "$comma"
		json_interface "$one"
		comma=,
	done
	printf '],"problems":['
	comma=''
	unused_files | while IFS= read -r one; do
		printf '%s' "$comma"
		json "$one"
		comma=,
	done
	printf ']}\n'
}

status_text() {
	is_persistent || say 'nothing writable is mounted at /quantix: changes last until the next boot'
	unused_files
	for one in $(known_interfaces); do
		look_at "$one"
		# shellcheck disable=SC2046,SC2086 # on one line
		say "$one: ${method:-not configured}," $(addresses_of "$one") "gateway ${router:-none}, DNS" ${servers:-none}
		say "	$(kind_of "$one"), carrier $carrier, ${speed:-unknown} Mb/s, configured by ${source:-default}"
		[ -z "$ssid" ] || say "	WiFi $ssid"
		tell_link "$one"
		lease='no lease'
		[ -z "$leased_at" ] || lease="lease of $leased_seconds s from ${leased_server:-a server without a name}"
		[ "$method" != dhcp ] || say "	DHCP client ${client:-not running}, $lease"
		[ -z "$left" ] || say "	undone in $left s unless confirmed: qx-network confirm $one"
		[ -z "$problem" ] || say "	problem: $problem"
	done
}
