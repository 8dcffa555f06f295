#!/bin/sh
# Public keys that may log in as root: those of KEPT_KEYS, line by line.

KEPT_KEYS=/quantix/ssh/authorized_keys
AUTHORIZED=/etc/ssh/authorized_keys.d/root
GREATEST_AUTHORIZED=65536

# Installs the lines that are keys; the others are reported and left out.
install_authorized_keys() {
	mkdir -p "${AUTHORIZED%/*}" || return 1
	rm -f "$AUTHORIZED".*
	if [ -e "$KEPT_KEYS" ] && ! is_list_of_keys "$KEPT_KEYS"; then
		set_aside "$KEPT_KEYS" "not a file of at most $GREATEST_AUTHORIZED bytes"
	fi
	if [ -e "$KEPT_KEYS" ]; then
		tr '\000\r' '?\n' <"$KEPT_KEYS" | sound_keys >"$AUTHORIZED.$$" && mv -f "$AUTHORIZED.$$" "$AUTHORIZED"
	else
		rm -f "$AUTHORIZED"
	fi
}

is_list_of_keys() {
	[ -f "$1" ] && [ "$(wc -c <"$1")" -le "$GREATEST_AUTHORIZED" ]
}

# Prints the lines of authorized_keys (sshd(8)) that contain a valid key.
sound_keys() {
	number=0
	while IFS= read -r line || [ -n "$line" ]; do
		number=$((number + 1))
		case $line in
		'' | '#'*) continue ;;
		esac
		if printf '%s\n' "$line" | ssh-keygen -l -f - >/dev/null 2>&1; then
			printf '%s\n' "$line"
		else
			report "$KEPT_KEYS:$number: not a public key; left out"
		fi
	done
}
