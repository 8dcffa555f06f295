#!/bin/sh
# Runs the commands of a service script: openrc-run.sh /etc/init.d/SERVICE COMMAND… Replaces OpenRC's version, which
# reads six more scripts and starts a program for each message: with fifteen services, that takes a third of the boot.
# Supports everything of openrc-run(8) except control groups, s6 and runit.

export RC_SERVICE="$1" SVCNAME="$RC_SVCNAME"
export PATH=/lib/rc/bin:/usr/sbin:/usr/bin:/sbin:/bin
shift

# Variables that a service may assign.
description='' supervisor='' extra_commands='' extra_started_commands='' extra_stopped_commands=''

# True if a value, or the variable of that name, means yes: VALUE
yesno() {
	case $1 in
	'' | [Nn][Oo] | [Ff][Aa][Ll][Ss][Ee] | [Oo][Ff][Ff] | 0) return 1 ;;
	[Yy][Ee][Ss] | [Tt][Rr][Uu][Ee] | [Oo][Nn] | 1) return 0 ;;
	esac
	eval "set -- \"\${$1}\""
	case $1 in
	[Yy][Ee][Ss] | [Tt][Rr][Uu][Ee] | [Oo][Nn] | 1) return 0 ;;
	esac
	return 1
}

einfo() {
	yesno "$EINFO_QUIET" || echo " * $*"
}

ewarn() {
	echo " * WARNING: $*" >&2
}

eerror() {
	echo " * ERROR: $*" >&2
}

ebegin() {
	einfo "$* ..."
}

# Reports a failure, if there was one: STATUS [MESSAGE]
eend() {
	status=${1:-0}
	[ "$status" -eq 0 ] || [ -z "$2" ] || eerror "$2"
	return "$status"
}

# Waits until files exist: SECONDS FILE…
ewaitfile() {
	tries=$(($1 * 20))
	shift
	for file; do
		while [ ! -e "$file" ]; do
			[ "$tries" -gt 0 ] || return 1
			tries=$((tries - 1))
			usleep 50000
		done
	done
}

# True if something is mounted on a folder: -q FOLDER
mountinfo() {
	while read -r _ _ _ _ folder _; do
		[ "$folder" = "$2" ] && return 0
	done </proc/self/mountinfo
	return 1
}

# Stores a value for later commands of this service: NAME VALUE
service_set_value() {
	mkdir -p "$RC_SVCDIR/options/$RC_SVCNAME"
	echo "$2" >"$RC_SVCDIR/options/$RC_SVCNAME/$1"
}

# Acts on the daemon through its supervisor: start|stop|status
daemon() {
	if [ -n "$supervisor" ]; then
		# shellcheck source=/dev/null # OpenRC's own
		. /lib/rc/sh/supervise-daemon.sh
		"supervise_$1"
	else
		# shellcheck source=/dev/null # OpenRC's own
		. /lib/rc/sh/start-stop-daemon.sh
		"ssd_$1"
	fi
}

_status() {
	if service_crashed; then
		eerror "status: crashed"
		return 32
	elif service_started; then
		einfo "status: started"
		return 0
	fi
	einfo "status: stopped"
	return 3
}

default_start() {
	daemon start
}

default_stop() {
	daemon stop
}

default_status() {
	daemon status
}

start() {
	default_start
}

stop() {
	default_stop
}

status() {
	default_status
}

describe() {
	einfo "$description"
	for command in $extra_commands $extra_started_commands $extra_stopped_commands; do
		eval "einfo \"$command: \$description_$command\""
	done
}

is_function() {
	case $(type "$1" 2>/dev/null) in
	*function*) return 0 ;;
	esac
	return 1
}

# supervise-daemon calls healthcheck and unhealthy if a service sets healthcheck_timer.
is_command() {
	case " start stop status describe healthcheck unhealthy $extra_commands $extra_started_commands $extra_stopped_commands " in
	*" $1 "*) return 0 ;;
	esac
	return 1
}

# Runs one command of the service, with its hooks before and after.
run_command() {
	if ! is_command "$1" || ! is_function "$1"; then
		eerror "$RC_SVCNAME has no command $1"
		return 1
	fi
	case " $extra_started_commands " in
	*" $1 "*) service_started || { eerror "$RC_SVCNAME must be started for $1"; return 1; } ;;
	esac
	case " $extra_stopped_commands " in
	*" $1 "*) service_stopped || { eerror "$RC_SVCNAME must be stopped for $1"; return 1; } ;;
	esac
	if is_function "$1_pre"; then "$1_pre" || return; fi
	"$1" || return
	if is_function "$1_post"; then "$1_post" || return; fi
}

for file in /etc/rc.conf "/etc/conf.d/$RC_SVCNAME" "$RC_SERVICE"; do
	[ -e "$file" ] || continue
	# shellcheck source=/dev/null # the service's own
	. "$file" || exit
done
# Logs the beginning or end of a start to the kernel log, with the kernel parameter BOOT_CHART=yes: begin|end
chart() {
	case $BOOT_CHART$action in
	yesstart) echo "<4>openrc: $1 $RC_SVCNAME" >/dev/kmsg ;;
	esac
}

for action; do
	chart begin
	run_command "$action" || exit
	chart end
done
