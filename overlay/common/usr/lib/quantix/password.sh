#!/bin/sh
# Root's password as a hash: in SHADOW for this session, in a similar file permanently. Passwords are passed through pipes,
# never as arguments, which every process can read.

SHADOW=/etc/shadow

# True for 8 to 128 printable ASCII characters; others are typed differently on other keyboards: PASSWORD
is_password() {
	case $1 in
	*[!\ -~]*) return 1 ;;
	esac
	[ ${#1} -ge 8 ] && [ ${#1} -le 128 ]
}

# True for a hash of crypt(5) with SHA-512 and the default number of rounds, which both bases can check: HASH
is_hash() {
	case $1 in
	\$6\$*) ;;
	*) return 1 ;;
	esac
	salt=${1#???} digest=${1##*$}
	salt=${salt%"\$$digest"}
	case $salt$digest in
	*[!./A-Za-z0-9]*) return 1 ;;
	esac
	[ ${#salt} -ge 1 ] && [ ${#salt} -le 16 ] && [ ${#digest} -eq 86 ]
}

# Prints the hash of a password: PASSWORD [SALT]
hash_of() {
	printf '%s\n' "$1" | openssl passwd -6 ${2:+-salt "$2"} -stdin
}

# Sets `hash` from a file of one line `root:HASH` or `root:HASH:…` (shadow(5)); false for any other content: FILE
hash_in() {
	[ -f "$1" ] || return 1
	entry=$(head -c 512 "$1" | tr '\000' '?')
	case $entry in
	root:*:*[!0-9:]*) return 1 ;;
	root:*) entry=${entry#root:} ;;
	*) return 1 ;;
	esac
	entry=${entry%%:*}
	is_hash "$entry" && echo "$entry"
}

# Prints the password field of root in SHADOW: empty, a hash, or an invalid one.
root_hash() {
	sed -n 's/^root:\([^:]*\):.*/\1/p' "$SHADOW"
}

# Sets root's hash: HASH
set_root_hash() {
	new=$SHADOW.$$
	cp -p "$SHADOW" "$new" || return 1
	while IFS= read -r line; do
		case $line in
		root:*) line=root:$1:${line#root:*:} ;;
		esac
		printf '%s\n' "$line" || return 1
	done <"$SHADOW" >"$new" && mv -f "$new" "$SHADOW"
}
