#!/bin/sh
# Runs figure 7 or 8 on this machine: an MNODE, and an agent for each machine of examples/figure-N.places. Ctrl-C ends them all.
# A NATS server runs already, for example: nats-server --addr 127.0.0.1 --port 4222
#
#   examples/run-placed.sh 7 127.0.0.1:4222 [DATA [FIRST-PORT]]
#
# Of the ports from FIRST-PORT (7001) on, agents have ten; frames enter the three networks by the next, and leave to the next.
set -eu
here=$(dirname "$0")
flowgrid="$here/../bin/flowgrid"
figure=$1 nats=$2 data=${3:-figure-$1} first=${4:-7001}
mkdir -p "$data"
[ -e "$data/grid.key" ] || (umask 077 && openssl rand -hex 32 > "$data/grid.key")

pids=
trap 'kill $pids 2> /dev/null || :; wait' EXIT
trap exit INT TERM
"$flowgrid" mnode "$here/figure-$figure.yaml" --name "figure-$figure" --data "$data" --nats "$nats" &
pids=$!
port=$first outside=$((first + 10))
while read -r machine node network; do
  case $machine in \#*) continue ;; esac
  set --
  if [ -n "$network" ]; then
    set -- --network "$network=udp:127.0.0.1:$outside>127.0.0.1:$((outside + 3))"
    echo "$network: frames enter at 127.0.0.1:$outside, and leave to 127.0.0.1:$((outside + 3))"
    outside=$((outside + 1))
  fi
  "$flowgrid" agent --grid "figure-$figure" --name "$machine" --node "$node" --nats "$nats" --key "$data/grid.key" \
    --listen "127.0.0.1:$port" "$@" &
  pids="$pids $!"
  port=$((port + 1))
done < "$here/figure-$figure.places"
wait
