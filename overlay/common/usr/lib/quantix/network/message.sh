#!/bin/sh
# Messages of qx-network: results to standard output, errors to standard error, one line each.

say() {
	echo "$*" || :
}

# Reports an error and, if it is about an interface, stores it for `status`; always false: MESSAGE
complain() {
	printf 'qx-network: %s\n' "$*" | tr -c '\n -~' '?' >&2
	[ -z "$interface" ] || [ ! -d "$RUN/$interface" ] || printf '%s\n' "$*" >"$RUN/$interface/problem"
	return 1
}

warn() {
	printf 'qx-network: %s\n' "$*" >&2
}
