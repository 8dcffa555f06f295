#!/bin/sh
# Whether a daemon still answers, asked while it runs. Read by services whose supervisor asks: supervise-daemon ends one that is
# not healthy and starts it again.

# Succeeds as soon as a command does; a daemon that is slow, or is just starting, has a minute: COMMAND…
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
