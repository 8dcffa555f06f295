#!/bin/sh
# Locks of flock(2): the kernel releases one when its last holder ends, however that happens.

# Waits for a lock, and holds it until `unlock` or the end of this shell: FILE SECONDS
# A process that is started meanwhile and goes on running holds it, too, unless it closes descriptor 9.
lock() {
	# A redirection of `exec` that fails would end the shell.
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
