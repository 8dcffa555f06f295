#!/bin/sh
# Ends a program that hangs, that is, does not react to a second Ctrl-C in its process group. Node runs signal handlers
# only between tasks, and therefore none during a task that does not end. The program starts this script, and writes a
# line to the script's standard input for each signal that it handles.

pressed=0 heard=0 heard_before='' late=''
trap 'pressed=$((pressed + 1))' INT
trap 'late=yes' USR1
trap '' HUP TERM

# Each of the program's children leads a process group.
end_at_once() {
	grep -lx "PPid:[[:blank:]]*$PPID" /proc/[0-9]*/status | while read -r status; do
		child=${status#/proc/} child=${child%/status}
		[ "$child" = "$$" ] || kill -s KILL -- "-$child"
	done
	kill -s KILL "$PPID"
}

while :; do
	before=$pressed$late
	if read -r _; then
		heard=$((heard + 1))
	elif [ "$pressed$late" = "$before" ]; then
		# End of input: the program has ended.
		exit 0
	fi
	if [ "$pressed" -ge 2 ] && [ -z "$heard_before" ]; then
		heard_before=$heard
		(sleep 1 && kill -s USR1 $$) &
	elif [ -n "$late" ]; then
		[ "$heard" = "$heard_before" ] || exit 0
		echo 'Ended at once: it hung. The next build removes what is half-made.' >&2
		end_at_once 2>/dev/null
		exit 0
	fi
done
