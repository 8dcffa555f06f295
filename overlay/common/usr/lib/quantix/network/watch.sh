#!/bin/sh
# Configures interfaces when they appear, and repairs them when they have a carrier again.
# shellcheck disable=SC2154 # `before` is set by eval

# Seconds between two checks for expired times.
TICK=5

# Handles a line of `ip -o link` or `ip -o monitor link` about one interface: NAME FLAGS MASTER
# Only changes of its flags or master are handled, because setting a link up or scanning WiFi causes many other
# messages. A new interface is configured only if it is physical: links are configured by the command that makes them.
heed_link() {
	is_interface_name "$1" || return 0
	is_physical "$1" || [ -e "$RUN/$1/plan" ] || return 0
	set -- "$1" "$2$3"
	read_attribute "$1" ifindex && is_number "$attribute" 999999999 || return 0
	eval "before=\${flags_$attribute-none}"
	eval "flags_$attribute=\$2"
	[ "$before" != "$2" ] || return 0
	[ "$before" != none ] || { ! is_physical "$1" || background arrive "$1"; return; }
	case $before,$2 in
	*master*,*master*) return ;;
	*master*,* | *,*master*) background apply "$1"; return ;;
	esac
	# The flags contain commas, so the two lists are matched separately.
	case $before in
	*LOWER_UP*) return ;;
	esac
	case $2 in
	*LOWER_UP*) background refresh "$1" ;;
	esac
}

# Handles leases that end, clients that died, trials that nobody confirmed, configurations that could not be applied, and
# changes whose program was killed. It runs every few seconds, so it starts no process if there is nothing to do.
heed_time() {
	read_uptime
	for folder in "$RUN"/*/; do
		name=${folder%/} name=${name##*/}
		[ -e "$NET/$name" ] || continue
		if read_trial "$name" && [ "$trial_until" -le "$now" ]; then
			background revert "$name"
		elif [ -f "$RUN/$name/retry" ]; then
			read -r due <"$RUN/$name/retry"
			[ "${due:-0}" -gt "$now" ] || { retry_later "$name" && background apply "$name"; }
		elif read_process_in "$RUN/$name/changing" && ! is_alive "$process"; then
			background apply "$name"
		elif is_dhcp_dead "$name"; then
			background refresh "$name"
		fi
	done
}

# True for an interface with DHCP whose client died, whose hook was killed, or whose lease has expired: INTERFACE
is_dhcp_dead() {
	IFS= read -r line 2>/dev/null <"$RUN/$1/plan" && [ "$line" = METHOD=dhcp ] || return 1
	is_lease_over "$1" || ! read_process_in "$RUN/$1/udhcpc.pid" || ! is_alive "$process" || is_hook_dead "$1"
}

# True, once, if the hook was killed while it applied a lease; false for a client that has just started: INTERFACE
is_hook_dead() {
	read_process_in "$RUN/$1/taking" && ! is_alive "$process" && ! is_client_fresh "$1" && rm -f "$RUN/$1/taking"
}

# Runs a command of qx-network in the background, so that no interface delays another: COMMAND INTERFACE
background() {
	"$0" "$@" 2>&1 | logger -t qx-network &
}

# Ends the `ip monitor` of this watch, or of one that was killed: it would run until the next message.
end_monitor() {
	read_process_in "$RUN/monitor.pid" || return 0
	rm -f "$RUN/monitor.pid"
	! grep -qs monitor "/proc/$process/cmdline" || kill "$process" 2>/dev/null
}

# Handles lines `3: eth0@if2: <FLAGS> …` of ip: first for the present interfaces, then for each change. Only iproute2's
# ip prints changes; without the path some shells run busybox's.
watch_links() {
	events=$RUN/events
	end_monitor
	rm -f "$events"
	mkfifo "$events"
	{
		/sbin/ip -o monitor link &
		echo $! >"$RUN/monitor.pid"
		ip -o link show
		sleep 1
		ip -o link show
		echo links
		while sleep "$TICK"; do echo time; done
	} >"$events" &
	ticker=$!
	trap 'end_monitor; kill "$ticker"; rm -f "$events"; exit 0' INT TERM
	while read -r index name flags rest; do
		case $rest in
		*' master '*) master=master ;;
		*) master='' ;;
		esac
		case $index in
		links) background links ;;
		time)
			heed_time
			read_uptime
			# The health check of the service reads this file.
			echo "$now" >"$RUN/alive"
			;;
		[0-9]*:) name=${name%:} && heed_link "${name%%@*}" "$flags" "$master" ;;
		esac
	done <"$events"
	complain 'the kernel sent no more messages about links'
}
