#!/usr/bin/env bash
# Records what comes to a router, and what it sends, between real hosts: a Linux kernel routes between three network
# namespaces, with the addresses and routes of examples/routed.yaml.
#
#   sudo examples/captures/record-router.sh [DIRECTORY]      (default: this folder; takes some ten seconds)
#
# Needs root and, from Debian: iproute2 ethtool wireshark-common iputils-ping traceroute curl socat python3. It installs
# nothing, says what is missing, keeps its files in a temporary folder and removes that folder, its processes and its
# namespaces when it ends.
#
#   west  192.0.2.0/25  ──┐
#                      router ── east  198.51.100.0/25, MTU 1400 ── behind its server: 203.0.113.0/24
#   north 192.0.2.128/25 ─┘      (north's host has 203.0.113.128/25 behind it: the longer prefix)
set -euo pipefail

OUT=$(realpath "${1:-$(dirname "$0")}")
ROUTER=fg-router-$$
WEST=fg-west-$$
EAST=fg-east-$$
NORTH=fg-north-$$
WORK=$(mktemp -d /tmp/flowgrid-router.XXXXXX)
chmod 777 "$WORK"
SPACES=("$WEST" "$EAST" "$NORTH" "$ROUTER")
. "$(dirname "$0")/recording.sh"

in_ns() { ip netns exec "$@"; }
serve() {
  ip netns exec "$@" >/dev/null 2>&1 &
  disown
}

# cable NAMESPACE INTERFACE HOST-MAC ROUTER-MAC: a host and its cable to the router; all offloads are off.
cable() {
  local ns=$1 name=$2
  ip netns add "$ns"
  ip link add host0 netns "$ns" address "$3" type veth peer name "$name" netns "$ROUTER" address "$4"
  local end
  for end in "$ns host0" "$ROUTER $name"; do
    set -- $end
    ip netns exec "$1" ethtool -K "$2" tx off rx off sg off gso off tso off gro off >/dev/null 2>&1
    # Nobody asks for routers, or whether an address is taken.
    ip netns exec "$1" sysctl -qw "net.ipv6.conf.$2.accept_dad=0" "net.ipv6.conf.$2.router_solicitations=0" \
      "net.ipv6.conf.$2.addr_gen_mode=0"
  done
  ip -n "$ns" link set lo up
  ip -n "$ns" link set host0 up
  ip -n "$ROUTER" link set "$name" up
}

build_network() {
  ip netns add "$ROUTER"
  ip -n "$ROUTER" link set lo up
  # The MAC addresses that the grid has on networks 1, 2 and 3 of INODE clusters 1 and 3.
  cable "$WEST" west 02:00:5e:00:53:11 02:f1:60:01:ff:01
  cable "$EAST" east 02:00:5e:00:53:80 02:f1:60:03:ff:02
  cable "$NORTH" north 02:00:5e:00:53:fe 02:f1:60:03:ff:03
  ip -n "$ROUTER" link set east mtu 1400
  ip -n "$EAST" link set host0 mtu 1400
  ip netns exec "$ROUTER" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.icmp_ratelimit=0 \
    net.ipv4.icmp_msgs_per_sec=1000000 net.ipv6.icmp.ratelimit=0 net.ipv4.conf.all.send_redirects=0
  ip -n "$ROUTER" addr add 192.0.2.1/25 dev west
  ip -n "$ROUTER" addr add 198.51.100.1/25 dev east
  ip -n "$ROUTER" addr add 192.0.2.129/25 dev north
  ip -n "$ROUTER" addr add 2001:db8:1::1/64 dev west nodad
  ip -n "$ROUTER" addr add 2001:db8:2::1/64 dev east nodad
  ip -n "$ROUTER" addr add 2001:db8:3::1/64 dev north nodad
  ip -n "$ROUTER" route add 203.0.113.0/24 via 198.51.100.80
  ip -n "$ROUTER" route add 203.0.113.128/25 via 192.0.2.254
  ip -n "$ROUTER" route add 2001:db8:9::/48 via 2001:db8:3::fe
  host "$WEST" 192.0.2.11/25 2001:db8:1::11/64 192.0.2.1 2001:db8:1::1
  host "$EAST" 198.51.100.80/25 2001:db8:2::80/64 198.51.100.1 2001:db8:2::1
  host "$NORTH" 192.0.2.254/25 2001:db8:3::fe/64 192.0.2.129 2001:db8:3::1
  ip -n "$EAST" addr add 203.0.113.10/32 dev lo
  ip -n "$NORTH" addr add 203.0.113.200/32 dev lo
  ip -n "$NORTH" addr add 2001:db8:9::200/128 dev lo nodad
}

host() { # namespace, address, IPv6 address, gateways
  ip -n "$1" addr add "$2" dev host0
  ip -n "$1" addr add "$3" dev host0 nodad
  ip -n "$1" route add default via "$4"
  ip -n "$1" -6 route add default via "$5"
}

start_servers() {
  mkdir -p "$WORK/www"
  head -c 30000 /dev/urandom | base64 >"$WORK/www/large.txt"
  echo 'hello' >"$WORK/www/index.html"
  local ns
  for ns in "$EAST" "$NORTH"; do
    serve "$ns" python3 -m http.server -d "$WORK/www" --bind :: 80
    serve "$ns" socat UDP6-LISTEN:7007,fork,reuseaddr,ipv6only=0 EXEC:/bin/cat
  done
  for ns in "$EAST" "$NORTH"; do
    until ip netns exec "$ns" ss -Hltn 'sport = :80' | grep -q .; do sleep 0.1; done
  done
}

# Everything that a router meets; failures are part of it. It is over before a host would be asked whether it is still
# there, because what a host answers to one router it would not answer to another that asks a moment later.
traffic() {
  set +e
  local to waiting=()
  in_ns "$WEST" ping -q -i 0.05 -c 80 198.51.100.80 & waiting+=($!)
  # Nobody there.
  in_ns "$WEST" ping -q -c 2 -i 0.1 -W 4 198.51.100.99 & waiting+=($!)
  in_ns "$WEST" ping -q -c 2 -i 0.1 -W 4 2001:db8:2::99 & waiting+=($!)
  # No route.
  in_ns "$WEST" ping -q -c 2 -i 0.1 -W 1 100.64.0.1
  in_ns "$WEST" ping -q -c 2 -i 0.1 -W 1 2001:db8:77::1
  for to in 198.51.100.80 192.0.2.254 203.0.113.10 203.0.113.200 2001:db8:2::80 2001:db8:3::fe 2001:db8:9::200; do
    in_ns "$WEST" ping -q -c 2 -i 0.05 "$to"
  done
  in_ns "$EAST" ping -q -c 2 -i 0.05 192.0.2.11
  in_ns "$NORTH" ping -q -c 2 -i 0.05 2001:db8:1::11
  # Too long for east, by the router's own finding: may not be cut, is cut, is IPv6; and fragments that are cut further.
  in_ns "$WEST" ping -q -c 2 -i 0.05 -W 1 -s 1400 -M do 198.51.100.80
  in_ns "$WEST" ping -q -c 2 -i 0.05 -s 1400 -M dont 198.51.100.80
  in_ns "$WEST" ping -q -c 2 -i 0.05 -W 1 -s 1400 2001:db8:2::80
  in_ns "$WEST" ping -q -c 2 -i 0.05 -s 3000 203.0.113.10
  in_ns "$WEST" ping -q -c 2 -i 0.05 -s 3000 198.51.100.80
  in_ns "$WEST" ping -q -c 2 -i 0.05 -s 3000 2001:db8:2::80
  # The router itself, by the addresses of two of its networks.
  for to in 192.0.2.1 198.51.100.1 2001:db8:1::1 2001:db8:2::1; do in_ns "$WEST" ping -q -c 2 -i 0.05 "$to"; done
  # Hops used up, by echo requests and datagrams; port unreachable from the host, and from the router.
  in_ns "$WEST" ping -q -c 2 -i 0.05 -W 1 -t 1 198.51.100.80
  in_ns "$WEST" ping -q -c 2 -i 0.05 -W 1 -t 1 2001:db8:2::80
  in_ns "$WEST" traceroute -n -q 2 -N 1 -w 1 203.0.113.200
  in_ns "$WEST" traceroute -n -q 2 -N 1 -w 1 2001:db8:9::200
  echo nobody | in_ns "$WEST" socat -t 0.1 - UDP4:192.0.2.1:9
  for to in 198.51.100.80 203.0.113.200 '[2001:db8:2::80]' '[2001:db8:9::200]'; do
    in_ns "$WEST" curl -sS -m 10 -o /dev/null "http://$to/large.txt" -o /dev/null "http://$to/"
  done
  for to in UDP4:198.51.100.80:7007 'UDP6:[2001:db8:3::fe]:7007'; do
    for i in 1 2 3; do echo "message $i" && sleep 0.05; done | in_ns "$WEST" socat -t 0.1 - "$to"
  done
  wait "${waiting[@]}"
  set -e
}

# record FILE FILTER: what passes the router's interfaces that the filter lets through, in order, each with its name.
record() {
  local file=$1 each options=()
  for each in west east north; do
    options+=(-i "$each" -f "$2 ether src $(ip netns exec "$ROUTER" cat "/sys/class/net/$each/address")")
  done
  ip netns exec "$ROUTER" dumpcap -q -B 16 "${options[@]}" -w "$WORK/$file" 2>"$WORK/$file.log" &
  RECORDERS+=($!)
  until [[ -s $WORK/$file ]]; do sleep 0.1; done
  sleep 0.5
}

need ip:iproute2 ethtool:ethtool dumpcap:wireshark-common reordercap:wireshark-common ping:iputils-ping \
  traceroute:traceroute curl:curl socat:socat python3:python3
trap clean_up EXIT
PATH=$PATH:/usr/sbin:/sbin
build_network
start_servers
RECORDERS=()
record came.pcapng not
record sent.pcapng ''
traffic >/dev/null 2>&1
sleep 0.3
for pid in "${RECORDERS[@]}"; do kill -TERM "$pid" && wait "$pid" || true; done

for each in came sent; do
  reordercap "$WORK/$each.pcapng" "$WORK/$each.ordered.pcapng" >/dev/null
done
mv "$WORK/came.ordered.pcapng" "$OUT/routed.pcapng"
mv "$WORK/sent.ordered.pcapng" "$OUT/routed-sent.pcapng"
for each in routed routed-sent; do capinfos -c -S -T -r -m "$OUT/$each.pcapng" 2>/dev/null || true; done
