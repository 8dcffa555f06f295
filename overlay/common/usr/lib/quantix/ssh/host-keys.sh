#!/bin/sh
# Host keys of sshd: generated once and stored in KEPT, or for this session only if nothing can be stored.
# sshd reads copies: it refuses a private key that others can read, and the disk's file system may not have permissions.

KEPT=/quantix/ssh
SSH=/etc/ssh

# Installs a key of each type. Not RSA: it takes seconds to generate, and every client supports the others.
set_up_host_keys() {
	for type in ed25519 ecdsa; do
		set_up_host_key "ssh_host_${type}_key" "$type" || return 1
	done
}

# Installs one key: FILE TYPE
set_up_host_key() {
	if [ -e "$KEPT/$1" ]; then
		take_host_key "$1" "$2" && return 0
		set_aside "$KEPT/$1" "not a private key of type $2 without passphrase"
	fi
	[ -f "$SSH/$1" ] || make_host_key "$1" "$2" || return 1
	is_persistent || return 0
	keep_file "$KEPT/$1" <"$SSH/$1" || report "$KEPT/$1: cannot be written; the host key lasts until the next boot"
}

# Copies a stored key, if it is valid: FILE TYPE
take_host_key() {
	new=$SSH/.$1.$$
	(umask 077 && head -c 16384 "$KEPT/$1" >"$new") && is_host_key "$new" "$2" && tell_public "$1" && mv -f "$new" "$SSH/$1" && return 0
	rm -f "$new"
	return 1
}

# Writes the public key, whose fingerprint people compare: FILE
tell_public() {
	printf '%s\n' "$public" >"$SSH/$1.pub"
}

# True for a private key of a type without a passphrase; sets `public` to its public key: FILE TYPE
is_host_key() {
	public=$(ssh-keygen -y -P '' -f "$1" 2>/dev/null </dev/null)
	case $2:$public in
	ed25519:ssh-ed25519\ * | ecdsa:ecdsa-sha2-*) ;;
	*) return 1 ;;
	esac
}

make_host_key() {
	new=$SSH/.$1.$$
	ssh-keygen -q -t "$2" -N '' -C '' -f "$new" </dev/null && mv -f "$new.pub" "$SSH/$1.pub" && mv -f "$new" "$SSH/$1"
}
