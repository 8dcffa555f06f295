#!/bin/sh
# Data of the control plane on the data disk; sourced by data.sh.
# shellcheck disable=SC2034 # data.sh reads these

lost="this machine forgets all"
waiting="the databases are"
bindings="postgresql:/var/lib/postgresql etcd:/var/lib/etcd redis:/var/lib/redis"

# The control plane's group may write, because the control plane removes the notice that etcd's script leaves for it.
make_folders() {
	mkdir -p "$1/postgresql" "$1/etcd" "$1/redis" "$1/backup" "$1/updates" &&
		chown postgres:postgres "$1/postgresql" && chmod 700 "$1/postgresql" &&
		chown etcd:quantix "$1/etcd" && chmod 770 "$1/etcd" &&
		chown redis:redis "$1/redis" && chmod 700 "$1/redis" &&
		chown quantix:quantix "$1/backup" && chmod 750 "$1/backup" &&
		chown quantix:quantix "$1/updates" && chmod 755 "$1/updates"
}
