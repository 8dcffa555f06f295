#!/bin/sh
# Adds and removes the public keys that may log in as root; sshd reads them at each log-in.
# shellcheck disable=SC2154 # KEPT_KEYS and AUTHORIZED are from authorized-keys.sh

# Keys for this session, without a configuration disk.
SESSION_KEYS=/root/.ssh/authorized_keys

# Sets `print` to the fingerprint of a line of authorized_keys; false if it has no key: LINE
fingerprint_of() {
	print=$(printf '%s\n' "$1" | ssh-keygen -l -E sha256 -f - 2>/dev/null) || return 1
	print=${print#* }
	print=${print%% *}
}

# Adds the new keys among the lines of standard input, if all lines are keys.
add_keys() {
	if is_persistent; then
		file=$KEPT_KEYS
	else
		file=$SESSION_KEYS
		complain 'nothing to write to is mounted at /quantix: the keys count until the next boot'
	fi
	text='' known=$(cat "$KEPT_KEYS" "$SESSION_KEYS" 2>/dev/null | fingerprints) number=0 new=0
	[ ! -e "$file" ] || text=$(cat "$file")
	while IFS= read -r line || [ -n "$line" ]; do
		number=$((number + 1))
		line=${line%"$CARRIAGE_RETURN"}
		case $line in
		'' | '#'*) continue ;;
		esac
		fingerprint_of "$line" || { complain "line $number is not a public key"; return 1; }
		case "$LINE_FEED$known$LINE_FEED" in
		*"$LINE_FEED$print$LINE_FEED"*) complain "this key is there already: $print"; continue ;;
		esac
		known=$known$LINE_FEED$print text=$text${text:+$LINE_FEED}$line new=$((new + 1))
	done
	[ "$number" -gt 0 ] || { complain 'no public key was given'; return 1; }
	[ "$new" -gt 0 ] || return 0
	[ ${#text} -le "$GREATEST_AUTHORIZED" ] || { complain "more than $GREATEST_AUTHORIZED bytes of keys"; return 1; }
	printf '%s\n' "$text" | keep_file "$file" || { complain "$file: cannot be written"; return 1; }
}

# Prints the fingerprints of the lines of standard input that are keys.
fingerprints() {
	while IFS= read -r line || [ -n "$line" ]; do
		! fingerprint_of "$line" || echo "$print"
	done
}

# Removes the key with a fingerprint from all files: FINGERPRINT
remove_key() {
	found=''
	for file in "$KEPT_KEYS" "$SESSION_KEYS"; do
		[ -f "$file" ] || continue
		text='' here=''
		while IFS= read -r line || [ -n "$line" ]; do
			if fingerprint_of "$line" && [ "$print" = "$1" ]; then here=yes; else text=$text$line$LINE_FEED; fi
		done <"$file"
		[ -n "$here" ] || continue
		found=yes
		printf '%s' "$text" | keep_file "$file" || { complain "$file: cannot be written"; return 1; }
	done
	[ -n "$found" ] || { complain "no key has the fingerprint $1"; return 1; }
}

CARRIAGE_RETURN=$(printf '\r') LINE_FEED='
'
