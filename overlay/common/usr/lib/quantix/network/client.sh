#!/bin/sh
# DHCP clients: finds and ends all clients of an interface, and starts the one of qx-network.
# shellcheck disable=SC2034 # what it finds is for the other parts

# Prints the command line of a process, one argument per line: PID
command_line_of() {
	tr '\000' '\n' 2>/dev/null <"/proc/$1/cmdline"
}

# True if a command line is that of a DHCP client of an interface. Names match exactly: eth1 is not eth10.
is_client_of() {
	command_line_of "$1" | awk -v interface="$2" '
		function base(path) { sub(/.*\//, "", path); return path }
		NR == 1 || (NR == 2 && program == "busybox") { program = base($0); next }
		{ words[++count] = $0 }
		END {
			if (program == "udhcpc") exit !udhcpc()
			if (program == "dhclient" || program == "dhcpcd") exit !other()
			exit 1
		}
		# udhcpc names its interface after -i, which may end a group of flags; the default is eth0.
		function udhcpc(   i, name) {
			name = "eth0"
			for (i = 1; i <= count; i++) {
				if (words[i] ~ /^-[bfnqRSBCova]*i$/ || words[i] == "--interface") name = words[++i]
				else if (words[i] ~ /^-[bfnqRSBCova]*i./) { name = words[i]; sub(/^-[bfnqRSBCova]*i/, "", name) }
				else if (words[i] ~ /^--interface=/) { name = words[i]; sub(/^--interface=/, "", name) }
				else if (words[i] ~ /^-[psTtArVxOFHlc]$/) i++
			}
			return name == interface
		}
		# dhclient and dhcpcd name interfaces as arguments; without one they serve all interfaces.
		function other(   i, named) {
			for (i = 1; i <= count; i++) {
				if (words[i] == interface) return 1
				if (words[i] ~ /^-(pf|lf|cf|sf|p|s|e|g|t|f|h|l|r|o|C|D|H|V|df|nw-timeout)$/) i++
				else if (words[i] !~ /^-/) named = 1
			}
			return !named
		}'
}

# Prints the DHCP clients of an interface in this network namespace: INTERFACE
# A child of a client has the same command line until it runs the hook, and does not count.
clients_of() {
	here=$(readlink /proc/self/ns/net)
	grep -lsx -e udhcpc -e dhclient -e dhcpcd -e busybox /proc/[0-9]*/comm | while read -r process; do
		process=${process#/proc/} process=${process%/comm}
		is_alive "$process" && [ "$(readlink "/proc/$process/ns/net")" = "$here" ] &&
			is_client_of "$process" "$1" && ! is_client_of "$parent" "$1" && echo "$process"
	done
	return 0
}

# Sets `state` and `parent` of a process from its `stat` file, proc(5); false if it does not exist: PROCESS
read_process() {
	state='' parent=''
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
	# shellcheck disable=SC2086 # one word for each field
	set -- ${stat##*) }
	state=$1 parent=$2
}

# True for a process that exists and is not a zombie; the results of `read_process` stay set: PROCESS
is_alive() {
	[ -n "$1" ] && read_process "$1" && [ "$state" != Z ]
}

# Sets `process` to the process id in a file; false, and empty, if the file has none: FILE
read_process_in() {
	process=''
	[ ! -f "$1" ] || read -r process <"$1" || :
	is_number "$process" 999999999 || { process=''; return 1; }
}

# Sets `client` to our own client of an interface; false, and empty, if it does not run: INTERFACE
find_client() {
	client=''
	read_process_in "$RUN/$1/udhcpc.pid" && is_alive "$process" && is_client_of "$process" "$1" && client=$process
}

# True if our client was started less than five seconds ago: INTERFACE
is_client_fresh() {
	started=$(stat -c %Y "$RUN/$1/udhcpc.pid" 2>/dev/null) && [ $(($(date +%s) - started)) -lt 5 ]
}

# Ends all DHCP clients of an interface. The PID file of our own client is removed first: its hook then does nothing.
end_clients() {
	rm -f "$RUN/$1/udhcpc.pid" "$RUN/$1/lease-problem"
	for process in $(clients_of "$1"); do
		end_process "$process"
	done
}

# Sends SIGTERM and, after two seconds, SIGKILL, the latter also to the hook that the client waits for.
end_process() {
	kill "$1" 2>/dev/null || return 0
	tries=40
	while is_alive "$1"; do
		[ "$tries" -gt 0 ] || { kill_family "$1"; return 0; }
		tries=$((tries - 1))
		usleep 50000
	done
}

kill_family() {
	family=$(grep -ls "^PPid:[[:space:]]*$1\$" /proc/[0-9]*/status | sed 's/[^0-9]//g')
	# shellcheck disable=SC2086 # one word for each process
	kill -9 "$1" $family 2>/dev/null
}

# Starts our client, which asks for its previous address, and waits until it has written its process id: INTERFACE
# [ADDRESS] [MILLISECONDS]. It probes for MILLISECONDS whether an offered address is free. The default is short, so that
# the boot is short; verify_lease probes for longer. Options by number: subnet mask, routers, name servers, host name,
# domain, and 26 MTU, 42 time servers, 119 domains to search, 121 routes. The file `dark` exists if the client started
# without a carrier.
start_client() {
	if has_carrier "$1"; then rm -f "$RUN/$1/dark"; else : >"$RUN/$1/dark"; fi
	set -- "$1" "${2:+-r}" "$2" "${3:-250}"
	setsid udhcpc -f -S -i "$1" -p "$RUN/$1/udhcpc.pid" -s "$LIBRARY/dhcp-hook" -t 5 -T 1 -A 15 -a"$4" \
		-O 26 -O 42 -O 119 -O 121 -x "hostname:$(hostname)" ${2:+"$2" "$3"} </dev/null >/dev/null 2>&1 9>&- &
	started=$! tries=40
	until read_process_in "$RUN/$1/udhcpc.pid" && [ "$process" = "$started" ]; do
		[ "$tries" -gt 0 ] || return 1
		tries=$((tries - 1))
		usleep 25000
	done
}
