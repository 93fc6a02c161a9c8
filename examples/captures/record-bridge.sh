#!/usr/bin/env bash
# Records what comes to a learning bridge, and what it sends, between real hosts: a Linux bridge joins three network namespaces,
# as the grid of examples/bridged.yaml joins its networks.
#
#   sudo examples/captures/record-bridge.sh [DIRECTORY]      (default: this folder; takes some ten seconds)
#
# Needs root and, from Debian: iproute2 ethtool wireshark-common iputils-ping curl python3. It installs nothing, says what is
# missing, keeps its files in a temporary folder and removes that folder, its processes and its namespaces when it ends.
set -euo pipefail

OUT=$(realpath "${1:-$(dirname "$0")}")
BRIDGE=fg-bridge-$$
HOSTS=(west east north)
WORK=$(mktemp -d /tmp/flowgrid-bridge.XXXXXX)
chmod 777 "$WORK"
SPACES=("${HOSTS[@]/#/fg-}")
SPACES=("${SPACES[@]/%/-$$}" "$BRIDGE")
. "$(dirname "$0")/recording.sh"

space() { echo "fg-$1-$$"; }

in_ns() {
  local host=$1
  shift
  ip netns exec "$(space "$host")" "$@"
}

# A host and its cable to the bridge; all offloads are off.
cable() {
  local host=$1 number=$2 ns
  ns=$(space "$host")
  ip netns add "$ns"
  ip link add host0 netns "$ns" address "02:00:5e:00:53:0$number" type veth peer name "$host" netns "$BRIDGE"
  ip netns exec "$ns" ethtool -K host0 tx off rx off sg off gso off tso off gro off >/dev/null 2>&1
  ip netns exec "$BRIDGE" ethtool -K "$host" tx off rx off sg off gso off tso off gro off >/dev/null 2>&1
  ip netns exec "$ns" sysctl -qw net.ipv6.conf.host0.accept_dad=0 net.ipv6.conf.host0.router_solicitations=0
  ip netns exec "$BRIDGE" sysctl -qw "net.ipv6.conf.$host.disable_ipv6=1"
  ip -n "$ns" link set lo up
  ip -n "$ns" addr add "192.0.2.$number/24" dev host0
  ip -n "$ns" addr add "2001:db8::$number/64" dev host0 nodad
  ip -n "$BRIDGE" link set "$host" master br0 up
  ip -n "$ns" link set host0 up
}

build_network() {
  ip netns add "$BRIDGE"
  # It asks nobody for group members, and knows no spanning tree.
  ip -n "$BRIDGE" link add br0 type bridge mcast_snooping 0 stp_state 0 forward_delay 0
  ip netns exec "$BRIDGE" sysctl -qw net.ipv6.conf.br0.disable_ipv6=1
  ip -n "$BRIDGE" link set br0 up
  local number=1 host
  for host in "${HOSTS[@]}"; do cable "$host" $((number++)); done
}

start_servers() {
  mkdir -p "$WORK/www"
  head -c 15000 /dev/urandom | base64 >"$WORK/www/large.txt"
  local host
  for host in "${HOSTS[@]}"; do
    in_ns "$host" python3 -m http.server -d "$WORK/www" --bind :: 80 >/dev/null 2>&1 &
    disown
  done
  for host in "${HOSTS[@]}"; do until in_ns "$host" ss -Hltn 'sport = :80' | grep -q .; do sleep 0.1; done; done
}

# Each to each, by both versions: the first packets ask who has the address, the others are for one station.
traffic() {
  set +e
  local number host
  for host in "${HOSTS[@]}"; do
    for number in 1 2 3; do
      in_ns "$host" ping -q -c 3 -i 0.05 "192.0.2.$number"
      in_ns "$host" ping -q -c 2 -i 0.05 "2001:db8::$number"
      in_ns "$host" curl -sS -m 10 -o /dev/null "http://192.0.2.$number/large.txt"
    done
  done
  in_ns west ping -q -b -c 2 -i 0.05 192.0.2.255
  in_ns north curl -sS -m 10 -o /dev/null 'http://[2001:db8::1]/large.txt'
  set -e
}

# record FILE FILTER: what passes the bridge's ports that the filter lets through, in order, each with its name.
record() {
  local host options=()
  for host in "${HOSTS[@]}"; do options+=(-i "$host" -f "$2 ether src $(in_ns "$host" cat /sys/class/net/host0/address)"); done
  ip netns exec "$BRIDGE" dumpcap -q -B 16 "${options[@]}" -w "$WORK/$1" 2>"$WORK/$1.log" &
  RECORDERS+=($!)
  until [[ -s $WORK/$1 ]]; do sleep 0.1; done
  sleep 0.5
}

need ip:iproute2 ethtool:ethtool dumpcap:wireshark-common reordercap:wireshark-common ping:iputils-ping \
  curl:curl python3:python3
trap clean_up EXIT
PATH=$PATH:/usr/sbin:/sbin
build_network
start_servers
RECORDERS=()
record came.pcapng ''
record sent.pcapng not
traffic >/dev/null 2>&1
sleep 0.3
for pid in "${RECORDERS[@]}"; do kill -TERM "$pid" && wait "$pid" || true; done
for each in came sent; do reordercap "$WORK/$each.pcapng" "$WORK/$each.ordered.pcapng" >/dev/null; done
mv "$WORK/came.ordered.pcapng" "$OUT/bridged.pcapng"
mv "$WORK/sent.ordered.pcapng" "$OUT/bridged-sent.pcapng"
