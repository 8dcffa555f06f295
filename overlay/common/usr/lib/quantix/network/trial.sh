#!/bin/sh
# A change on trial (`--confirm SECONDS`): stored for the session only, so that a restart restores the previous state, and
# undone by the watch unless `qx-network confirm` comes in time. The process that requested it need not exist any more.
# shellcheck disable=SC2154,SC2034 # the uptime is from lease.sh; how long to keep it is for qx-network

# Sets `trial_until` to the end of an interface's trial (seconds since boot), `trial_keep` to how long a confirmed
# change is stored (persistent or session), and `now`. False if there is no trial: INTERFACE
read_trial() {
	trial_until='' trial_keep=''
	{ read -r trial_until trial_keep <"$RUN/$1/trial"; } 2>/dev/null && is_number "$trial_until" 999999999 && read_uptime
}

# Begins a trial, or continues one; without confirmation the state before its beginning is restored:
# INTERFACE SECONDS persistent|session
begin_trial() {
	find_watch || { complain "$1: the service quantix-network does not run, which would undo the change"; return 1; }
	if ! read_trial "$1"; then
		rm -rf "$RUN/$1/before"
		mkdir "$RUN/$1/before" || return 1
		for file in "$SESSION/$1.conf" "$SESSION/static.conf"; do
			[ ! -e "$file" ] || cp "$file" "$RUN/$1/before/" || return 1
		done
	fi
	read_uptime
	echo "$((now + $2)) $3" >"$RUN/$1/.trial.$$" && mv -f "$RUN/$1/.trial.$$" "$RUN/$1/trial"
}

end_trial() {
	rm -rf "$RUN/$1/trial" "$RUN/$1/before"
}

# Restores the session's files of the time before a trial: INTERFACE
restore_files() {
	if [ -e "$RUN/$1/before/$1.conf" ]; then cp "$RUN/$1/before/$1.conf" "$SESSION/"; else remove_file "$SESSION/$1.conf"; fi
	[ ! -e "$RUN/$1/before/static.conf" ] || cp "$RUN/$1/before/static.conf" "$SESSION/"
}

# Sets `process` to the process id of the watch's `ip monitor`; false if it does not run. The watch undoes the change.
find_watch() {
	read_process_in "$RUN/monitor.pid" && is_alive "$process"
}
