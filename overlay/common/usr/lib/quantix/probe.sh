#!/bin/sh
# Checks that a running daemon still answers. Sourced by services whose supervisor asks: supervise-daemon ends and
# restarts one that is not healthy.

# Seconds between two checks.
# shellcheck disable=SC2034 # for supervise-daemon
healthcheck_timer=60
# A daemon that hangs does not end by SIGTERM. Without SIGKILL supervise-daemon then starts no other, and checks no more.
: "${retry:=SIGTERM/20/SIGKILL/5}"

# Succeeds as soon as a command succeeds, within a minute for a daemon that is slow or just starting: COMMAND…
answers() {
	tries=6
	until busybox timeout 10 "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		if [ "$tries" -eq 0 ]; then
			logger -p daemon.warning -t "$RC_SVCNAME" "does not answer, and is started again"
			return 1
		fi
		sleep 10
	done
}

# Succeeds while a program works that writes the seconds since boot to a file every few seconds: FILE
# One that has not got so far yet is not judged.
works() {
	[ -s "$1" ] || return 0
	read -r seen <"$1"
	read -r now _ </proc/uptime
	[ $((${now%.*} - ${seen%.*})) -lt 90 ] && return
	logger -p daemon.warning -t "$RC_SVCNAME" "does no work any more, and is started again"
	return 1
}
