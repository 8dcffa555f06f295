#!/bin/sh
# Locks of flock(2): the kernel releases a lock when the last process that holds it ends, also if it is killed.

# Waits for a lock, and holds it until `unlock` or the end of this shell: FILE SECONDS
# A process that is started meanwhile also holds the lock as long as it runs, unless it closes descriptor 9.
lock() {
	# A failed redirection of `exec` ends the shell, so this is tested first.
	true >>"$1" || return 1
	exec 9>>"$1"
	if ! flock -n 9 && ! timeout "$2" flock 9; then
		exec 9>&-
		owner=''
		read -r owner <"$1" || :
		complain "another change is under way (process ${owner:-unknown})"
		return 1
	fi
	echo $$ >"$1"
}

unlock() {
	exec 9>&-
}
