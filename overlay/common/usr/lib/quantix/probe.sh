#!/bin/sh
# Health checks of daemons, sourced by services: supervise-daemon runs `healthcheck`, and restarts a daemon that fails
# it.

# Seconds between two checks. A daemon that answers no requests sets a longer time, because each check
# starts a shell.
: "${healthcheck_timer:=60}"
# SIGTERM does not end a daemon that hangs. Without SIGKILL supervise-daemon would then neither restart nor check it.
: "${retry:=SIGTERM/20/SIGKILL/5}"

# Runs a program up to six times, each for at most ten seconds, until it succeeds: PROGRAM…
# A daemon may be slow or just starting.
answers() {
	comes_true busybox timeout 10 "$@"
}

# The same without the time limit, for a command that returns at once: COMMAND…
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

# True unless the daemon's process is stopped or waits for a device. Also true if the process is unknown, because the
# daemon is being restarted.
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

# True unless a program has stopped writing the seconds since boot to a file, which it does at least once a minute: FILE
# Also true if the program has not written the file yet.
works() {
	seen=''
	[ ! -e "$1" ] || read -r seen <"$1"
	# The file is empty while it is being written.
	[ -n "$seen" ] || return 0
	read -r now _ </proc/uptime
	[ $((${now%.*} - ${seen%.*})) -lt 90 ] && return
	logger -p daemon.warning -t "$RC_SVCNAME" "does no work any more, and is started again"
	return 1
}
