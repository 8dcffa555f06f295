#!/bin/sh
# Locks: a symbolic link, made in one step, that names its owner. One whose owner has died is taken over.

# Waits for a lock: FILE SECONDS
lock() {
	tries=$(($2 * 20))
	until ln -s "$$" "$1" 2>/dev/null; do
		owner=$(readlink "$1")
		if [ -n "$owner" ] && ! is_owner "$owner"; then
			break_lock "$1" "$owner"
			continue
		fi
		[ "$tries" -gt 0 ] || { complain "another change is under way (process $owner)"; return 1; }
		tries=$((tries - 1))
		usleep 50000
	done
}

# True for a process that may hold a lock: its number may have gone to a stranger.
is_owner() {
	grep -qs -e qx-network -e dhcp-hook -e qx-ssh "/proc/$1/cmdline"
}

# Takes a dead owner's lock away. Moved first: another process may have taken it over meanwhile.
break_lock() {
	mv "$1" "$1.$$" 2>/dev/null || return 0
	[ "$(readlink "$1.$$")" = "$2" ] || ln -s "$(readlink "$1.$$")" "$1" 2>/dev/null
	rm -f "$1.$$"
}

unlock() {
	[ "$(readlink "$1")" != "$$" ] || rm -f "$1"
}
