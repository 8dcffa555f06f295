#!/bin/sh
# Checks whether sshd answers.

# True if something listens on port 22 (hexadecimal 16; 0A is the state LISTEN in the kernel's lists). Nothing is
# written to sshd's log.
is_listening() {
	grep -qsiE '^ *[0-9]+: [0-9A-F]+:0016 [0-9A-F]+:0000 0A ' /proc/net/tcp /proc/net/tcp6
}

# True if sshd sends its identification (RFC 4253, 4.2).
is_answering() {
	is_listening && nc -w 5 127.0.0.1 22 </dev/null 2>/dev/null | grep -q '^SSH-2'
}
