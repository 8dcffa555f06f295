#!/bin/sh
# OpenRC's first script. Debian's version mounts /proc and /run; here the initramfs does that.
mkdir -p "$RC_SVCDIR" /run/lock
chmod 1777 /run/lock
echo sysinit >"$RC_SVCDIR/softlevel"
