#!/bin/sh
# Checks whether a service of the control plane is ready; a running process alone does not prove this.

# Waits until a command succeeds: SECONDS COMMAND…
# If the command does not succeed in time, this is reported, and the boot continues: the service is supervised, and may
# still become ready. The pauses grow to a second, because frequent checks would slow down the start of the service on a
# slow machine.
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

# Output and exit status of `rc-service NAME status`, for a command that tests whether the service is ready: COMMAND…
readiness_status() {
	default_status || return
	"$@" 2>/dev/null && return
	ewarn "it is not ready"
	return 8
}
