#!/bin/sh
# /etc/resolv.conf, written from the name servers of all interfaces; and the boot's milestone.
# shellcheck disable=SC2154 # the metric is from interface.sh

RESOLVER=/etc/resolv.conf

# Stores the name servers, separated by commas, and search domains, separated by blanks, of an interface:
# INTERFACE NAME-SERVERS [DOMAINS]
set_name_servers() {
	resolver_text "$2" "$3" >"$RUN/$1/.resolver.$$" && mv -f "$RUN/$1/.resolver.$$" "$RUN/$1/resolver"
	write_resolver
}

resolver_text() {
	[ -z "$2" ] || echo "search $2"
	rest=$1${1:+,}
	while [ -n "$rest" ]; do
		echo "nameserver ${rest%%,*}"
		rest=${rest#*,}
	done
}

# The name servers of the interface with the preferred default route come first; the C library reads only three.
write_resolver() (
	lock "$RUN/resolver.lock" 10 || exit 1
	{
		echo '# Written by qx-network'
		for resolver in "$RUN"/*/resolver; do
			name=${resolver%/resolver} name=${name##*/}
			[ -e "$NET/$name" ] && [ -e "$resolver" ] && find_metric "$name" && echo "$metric $resolver"
		done | sort -n | while read -r _ resolver; do
			cat "$resolver"
			resolver_text "$(cat "${resolver}6" 2>/dev/null)"
		done | awk '$1 == "search" && !searched++ { print } $1 == "nameserver" && !seen[$2]++ && ++count <= 3 { print }'
	} >"$RUN/.resolv.conf.$$" || exit 1
	if cmp -s "$RUN/.resolv.conf.$$" "$RESOLVER"; then
		rm -f "$RUN/.resolv.conf.$$"
	else
		cat "$RUN/.resolv.conf.$$" >"$RESOLVER.$$" && mv -f "$RESOLVER.$$" "$RESOLVER"
		rm -f "$RUN/.resolv.conf.$$"
	fi
)

# Reports the milestone `network` once in a boot, when the first address is set. Each new address may need another
# subnet for the guests' networks.
announce_address() {
	if [ -x "$LIBRARY/guest-networks" ] && [ -S /run/libvirt/libvirt-sock ]; then
		"$LIBRARY/guest-networks" </dev/null >/dev/null 2>&1 9>&- &
	fi
	mkdir "$RUN/.announced" 2>/dev/null || return 0
	"$LIBRARY/milestone" network 9>&-
}
