#!/bin/sh
# WiFi by wpa_supplicant, which finds and joins the access point; its configuration is derived from the plan.
# shellcheck disable=SC2154 # the plan is from config.sh, the process from client.sh

# Prints the configuration of wpa_supplicant, wpa_supplicant.conf(5): WPA2 and WPA3 with a password, an open network
# without. The name is written in hexadecimal digits, so that no byte has a special meaning.
wifi_configuration() {
	echo 'ctrl_interface=/run/wpa_supplicant'
	echo 'update_config=0'
	echo 'network={'
	echo "	ssid=$(printf '%s' "$ssid" | od -An -v -tx1 | tr -d ' \n')"
	echo '	scan_ssid=1'
	if [ -z "$psk" ]; then
		echo '	key_mgmt=NONE'
	elif [ ${#psk} -eq 64 ]; then
		echo '	key_mgmt=WPA-PSK WPA-PSK-SHA256'
		echo '	ieee80211w=1'
		echo "	psk=$psk"
	else
		echo '	key_mgmt=WPA-PSK WPA-PSK-SHA256 SAE'
		echo '	ieee80211w=1'
		printf '	psk="%s"\n' "$psk"
	fi
	echo '}'
}

is_wifi_joined() {
	read_process_in "$RUN/$1/wpa_supplicant.pid" && is_alive "$process" &&
		[ "$(cat "$RUN/$1/wpa_supplicant.conf" 2>/dev/null)" = "$(wifi_configuration)" ]
}

leave_wifi() {
	read_process_in "$RUN/$1/wpa_supplicant.pid" && grep -qsx wpa_supplicant "/proc/$process/comm" &&
		end_process "$process"
	rm -f "$RUN/$1/wpa_supplicant.pid" "$RUN/$1/wpa_supplicant.conf"
}

# Joins the network of the previous plan again, or none if that plan has none.
restore_wifi() {
	[ -n "$ssid" ] || return 0
	clear_plan
	[ ! -f "$RUN/$1/plan" ] || read_config "$RUN/$1/plan"
	if [ -n "$ssid" ]; then start_wifi "$1"; else leave_wifi "$1"; fi
}

# Joins the plan's network. wpa_supplicant keeps trying, so an access point that is out of reach is no error.
join_wifi() {
	is_wifi_joined "$1" && return 0
	start_wifi "$1" || return 1
	tries=200
	until has_carrier "$1"; do
		[ "$tries" -gt 0 ] || { warn "$1: $ssid was not joined within 10 seconds; it keeps trying"; return 0; }
		tries=$((tries - 1))
		usleep 50000
	done
}

# Starts wpa_supplicant for the plan's network.
start_wifi() {
	is_wifi_joined "$1" && return 0
	is_wireless "$1" || { complain "$1: not a WiFi interface"; return 1; }
	leave_wifi "$1"
	(umask 077 && wifi_configuration >"$RUN/$1/wpa_supplicant.conf")
	wpa_supplicant -B -i "$1" -c "$RUN/$1/wpa_supplicant.conf" -P "$RUN/$1/wpa_supplicant.pid" >/dev/null 9>&- ||
		complain "$1: wpa_supplicant does not start"
}

# Prints the result of a scan. While wpa_supplicant scans, which takes a second or two, the interface is busy, and the
# scan is repeated.
look_for_wifi() {
	tries=10
	until seen=$(iw dev "$1" scan 2>&1); do
		case $tries,$seen in
		[1-9]*busy*) ;;
		*) complain "$1: cannot look for networks: $seen"; return 1 ;;
		esac
		tries=$((tries - 1))
		usleep 500000
	done
	printf '%s\n' "$seen"
}

# Prints the networks in reach, strongest first, each as `SIGNAL SECURITY NAME`, from the output of `iw` (iw(8), scan).
scan_wifi() {
	ip link set "$1" up
	found=$(look_for_wifi "$1") || return 1
	printf '%s\n' "$found" | awk '
		function flush() { if (name != "") printf "%d\t%s\t%s\n", signal, security, name }
		/^BSS / { flush(); name = ""; security = "open" }
		/^\tsignal:/ { signal = $2 }
		/^\tSSID: / { name = substr($0, 8) }
		/^\tRSN:/ { security = "WPA2" }
		/^\tWPA:/ && security == "open" { security = "WPA" }
		/Authentication suites:.*SAE/ { security = security == "WPA2" && /PSK/ ? "WPA2/WPA3" : "WPA3" }
		END { flush() }' | sort -rn
}
