#!/bin/sh
# What qx-network tells people: results to standard output, complaints to standard error, one line each.

say() {
	echo "$*" || :
}

# Tells what is wrong and, if it is about an interface, keeps it for `status`; false always: MESSAGE
complain() {
	printf 'qx-network: %s\n' "$*" | tr -c '\n -~' '?' >&2
	[ -z "$interface" ] || [ ! -d "$RUN/$interface" ] || printf '%s\n' "$*" >"$RUN/$interface/problem"
	return 1
}

warn() {
	printf 'qx-network: %s\n' "$*" >&2
}
