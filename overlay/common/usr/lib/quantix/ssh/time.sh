#!/bin/sh
# When SSH goes off by itself, in seconds since the boot: the clock may be set meanwhile.

END=/run/quantix/ssh/end

seconds_since_boot() {
	cut -d. -f1 /proc/uptime
}

# Sets the end: MINUTES
end_in() {
	mkdir -p "${END%/*}" && echo $(($(seconds_since_boot) + $1 * 60)) >"$END.new" && mv -f "$END.new" "$END"
}

# Nothing if there is no end.
seconds_left() {
	[ ! -f "$END" ] || echo $(($(cat "$END") - $(seconds_since_boot)))
}

# The end in seconds since 1970; nothing if there is none.
end_time() {
	[ ! -f "$END" ] || echo $(($(sed -n 's/^btime //p' /proc/stat) + $(cat "$END")))
}
