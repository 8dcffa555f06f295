#!/bin/sh
# Whether a service of the control plane is ready: a process that runs is not enough.

# Waits until a command succeeds: SECONDS COMMAND…
# Where it does not in time that is told, and the boot goes on: the service is supervised, and may still become ready.
# Asking costs a slow machine more than the service's own start if it is done all the time: pauses grow to a second.
await_readiness() {
	read -r now _ </proc/uptime
	deadline=$((${now%.*} + $1))
	shift
	pause=100000
	until "$@" 2>/dev/null; do
		read -r now _ </proc/uptime
		if [ "${now%.*}" -ge "$deadline" ]; then
			ewarn "$RC_SVCNAME is not ready yet"
			return 0
		fi
		usleep "$pause"
		[ "$pause" -ge 1000000 ] || pause=$((pause * 3 / 2))
	done
}

# What `rc-service NAME status` says and exits with, if a command tells whether the service is ready: COMMAND…
readiness_status() {
	default_status || return
	"$@" 2>/dev/null && return
	ewarn "it is not ready"
	return 8
}
