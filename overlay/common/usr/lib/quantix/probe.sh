#!/bin/sh
# Checks that a running daemon still answers. Sourced by services whose supervisor asks: supervise-daemon ends and
# restarts one that is not healthy.

# Seconds between two checks; more for a daemon that cannot be asked anything, since each check starts a shell.
: "${healthcheck_timer:=60}"
# A daemon that hangs does not end by SIGTERM. Without SIGKILL supervise-daemon then starts no other, and checks no more.
: "${retry:=SIGTERM/20/SIGKILL/5}"

# Succeeds as soon as a program succeeds, within a minute for a daemon that is slow or just starting: PROGRAM…
answers() {
	comes_true busybox timeout 10 "$@"
}

# The same for a condition that does not wait: COMMAND…
comes_true() {
	tries=6
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		if [ "$tries" -eq 0 ]; then
			logger -p daemon.warning -t "$RC_SVCNAME" "does not answer, and is started again"
			return 1
		fi
		sleep 10
	done
}

# True if the daemon can work: it is neither stopped nor held up by a device. One whose process is not known, because it
# is started again just now, is not judged.
is_awake() {
	pid=''
	read -r pid 2>/dev/null <"${RC_SVCDIR:-/run/openrc}/options/$RC_SVCNAME/child_pid" || [ -n "$pid" ] || return 0
	while read -r key value _; do
		[ "$key" = State: ] || continue
		case $value in
		[TtDZX]*) return 1 ;;
		*) return 0 ;;
		esac
	done 2>/dev/null <"/proc/$pid/status"
}

# Succeeds while a program works that writes the seconds since boot to a file every few seconds: FILE
# One that has not got so far yet is not judged.
works() {
	seen=''
	[ ! -e "$1" ] || read -r seen <"$1"
	# Nothing is in a file that is just being written.
	[ -n "$seen" ] || return 0
	read -r now _ </proc/uptime
	[ $((${now%.*} - ${seen%.*})) -lt 90 ] && return
	logger -p daemon.warning -t "$RC_SVCNAME" "does no work any more, and is started again"
	return 1
}
