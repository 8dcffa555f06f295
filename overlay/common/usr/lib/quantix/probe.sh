#!/bin/sh
# Checks that a running daemon still answers. Sourced by services whose supervisor asks: supervise-daemon ends and
# restarts one that is not healthy.

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
