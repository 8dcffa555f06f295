#!/bin/sh
# The time at which SSH is turned off, in seconds since boot, because the system clock may be changed meanwhile.

END=/run/quantix/ssh/end

seconds_since_boot() {
	cut -d. -f1 /proc/uptime
}

# Sets the end: MINUTES
end_in() {
	mkdir -p "${END%/*}" && echo $(($(seconds_since_boot) + $1 * 60)) >"$END.new" && mv -f "$END.new" "$END"
}

# Prints the seconds until the end; nothing if there is no end.
seconds_left() {
	[ ! -f "$END" ] || echo $(($(cat "$END") - $(seconds_since_boot)))
}

# Prints the end in seconds since 1970; nothing if there is no end.
end_time() {
	[ ! -f "$END" ] || echo $(($(sed -n 's/^btime //p' /proc/stat) + $(cat "$END")))
}
