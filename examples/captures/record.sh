#!/usr/bin/env bash
# Records the example captures: real programs talking to each other across a veth pair between two network namespaces.
#
#   sudo examples/captures/record.sh [DIRECTORY]      (default: this folder; takes about two minutes)
#
# Needs root and, from Debian: iproute2 ethtool tcpdump nginx-light vsftpd openssh-server openssh-client dnsmasq-base
# bind9-dnsutils iperf3 lftp iputils-ping socat curl openssl. It installs nothing, says what is missing, keeps its
# files in a temporary folder and removes that folder, its processes and its namespaces when it ends.
#
# All offloads are off, so that frames are what a wire would carry (at most 1,514 bytes) with checksums computed.
set -euo pipefail

OUT=$(realpath "${1:-$(dirname "$0")}")
SECONDS_MIXED=40
NS_CLIENT=fg-client-$$
NS_SERVER=fg-server-$$
WORK=$(mktemp -d /tmp/flowgrid-captures.XXXXXX)
V4=192.0.2.80
V6=2001:db8::80
SPACES=("$NS_CLIENT" "$NS_SERVER")
. "$(dirname "$0")/recording.sh"

client() { ip netns exec "$NS_CLIENT" "$@"; }
server() { ip netns exec "$NS_SERVER" "$@"; }
# A server that runs until clean_up; disowned, because bash would announce its end.
serve() {
  ip netns exec "$NS_SERVER" "$@" &
  disown
}

# Two hosts' worth of addresses on one cable: four clients, one server.
build_network() {
  ip netns add "$NS_CLIENT"
  ip netns add "$NS_SERVER"
  ip link add c0 netns "$NS_CLIENT" address 02:00:5e:00:53:01 type veth peer name s0 netns "$NS_SERVER" address 02:00:5e:00:53:80
  local each
  for each in "$NS_CLIENT c0" "$NS_SERVER s0"; do
    set -- $each
    ip netns exec "$1" ethtool -K "$2" tx off rx off sg off gso off tso off gro off >/dev/null 2>&1
    ip -n "$1" link set lo up
    ip -n "$1" link set "$2" up
  done
  for each in 11 12 13 14; do
    ip -n "$NS_CLIENT" addr add "192.0.2.$each/24" dev c0
    ip -n "$NS_CLIENT" addr add "2001:db8::$each/64" dev c0 nodad
  done
  ip -n "$NS_SERVER" addr add $V4/24 dev s0
  ip -n "$NS_SERVER" addr add $V6/64 dev s0 nodad
}

make_content() {
  mkdir -p "$WORK"/{www,ftp/upload,run,ssh}
  chmod 755 "$WORK" "$WORK/ftp"
  local size
  for size in 1 2 5 9 17 30 60; do openssl rand -base64 $((size * 760)) >"$WORK/www/object-$size.txt"; done
  openssl rand 3000000 >"$WORK/www/large.bin"
  {
    echo '<html><body>'
    for size in 1 2 5 9 17; do echo "<img src=\"object-$size.txt\">"; done
    echo '</body></html>'
  } >"$WORK/www/index.html"
  cp "$WORK"/www/object-{2,9,30,60}.txt "$WORK/ftp/"
  cp "$WORK/www/large.bin" "$WORK/ftp/"
  chmod 777 "$WORK/ftp/upload"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=www.example.org \
    -addext 'subjectAltName=DNS:www.example.org,DNS:shop.example.org' \
    -keyout "$WORK/tls.key" -out "$WORK/tls.crt" 2>/dev/null
  ssh-keygen -q -t ed25519 -N '' -f "$WORK/ssh/host"
  ssh-keygen -q -t ed25519 -N '' -f "$WORK/ssh/user"
}

start_web() {
  cat >"$WORK/nginx.conf" <<END
daemon off; pid $WORK/run/nginx.pid; error_log $WORK/run/nginx.log; worker_processes 1; user root;
events { worker_connections 256; }
http {
  access_log off; keepalive_timeout 30;
  client_body_temp_path $WORK/run/body; proxy_temp_path $WORK/run/proxy; fastcgi_temp_path $WORK/run/fastcgi;
  uwsgi_temp_path $WORK/run/uwsgi; scgi_temp_path $WORK/run/scgi;
  server {
    listen 80; listen [::]:80; listen 443 ssl; listen [::]:443 ssl;
    ssl_certificate $WORK/tls.crt; ssl_certificate_key $WORK/tls.key;
    root $WORK/www;
    location = /large.bin { limit_rate 20k; } # a download that lasts: the sender's pace, not the receiver's buffer
  }
}
END
  serve nginx -c "$WORK/nginx.conf"
}

start_ftp() {
  cat >"$WORK/vsftpd.conf" <<END
listen=NO
listen_ipv6=YES
background=NO
anonymous_enable=YES
local_enable=NO
anon_root=$WORK/ftp
no_anon_password=YES
write_enable=YES
anon_upload_enable=YES
anon_umask=022
port_enable=YES
pasv_enable=YES
connect_from_port_20=YES
seccomp_sandbox=NO
secure_chroot_dir=$WORK/run
xferlog_enable=NO
END
  serve vsftpd "$WORK/vsftpd.conf"
}

start_servers() {
  start_web
  start_ftp
  serve dnsmasq --no-daemon --no-resolv --no-hosts --conf-file=/dev/null --user=root --pid-file="$WORK/run/dns.pid" \
    --address=/example.org/192.0.2.80 --address=/example.org/2001:db8::80 --address=/example.net/198.51.100.7 \
    --txt-record=text.example.org,"$(openssl rand -base64 150 | tr -d '\n')" >/dev/null 2>&1
  mkdir -p /run/sshd
  serve "$(command -v sshd || echo /usr/sbin/sshd)" -D -e -f /dev/null -h "$WORK/ssh/host" -o UsePAM=no -o StrictModes=no \
    -o "AuthorizedKeysFile=$WORK/ssh/user.pub" -o PermitRootLogin=prohibit-password -o PidFile=none 2>/dev/null
  serve iperf3 -s -p 5201 >/dev/null
  serve iperf3 -s -p 5202 >/dev/null
  serve iperf3 -s -p 5203 >/dev/null
  serve socat UDP6-LISTEN:7007,fork,reuseaddr,ipv6only=0 EXEC:/bin/cat
  serve socat TCP6-LISTEN:7008,fork,reuseaddr,ipv6only=0 EXEC:/bin/cat
  local port
  for port in 80 443 21 53 22 5201 5202 5203 7008; do wait_for_port $port; done
}

wait_for_port() {
  local tries
  for tries in $(seq 100); do
    server ss -Hltn "sport = :$1" | grep -q . && return
    sleep 0.1
  done
  echo "record.sh: nothing listens on port $1" >&2
  exit 1
}

# ---- Clients. Each takes the number of the client address and runs to its end. ---------------------------------------

web() { # client, address, objects: one HTTP/1.1 connection, several objects
  local urls=() object
  for object in $3; do urls+=("http://www.example.org/$object" -o /dev/null); done
  client curl -sS --http1.1 --interface "$1" --connect-to "::$2:" "${urls[@]}"
}
tls() { # client, address, host, objects
  local urls=() object
  for object in $4; do urls+=("https://$3/$object" -o /dev/null); done
  client curl -sSk --http1.1 --interface "$1" --connect-to "::$2:" "${urls[@]}"
}
slow() { # client, URL: a download that lasts as long as the capture
  client curl -sSk -r 0-$((SECONDS_MIXED * 20480)) --interface "$1" -o /dev/null "$2"
}
names() { # client, server address, how many
  local i
  for i in $(seq "$3"); do
    client dig -b "$1" @"$2" +tries=2 +time=2 "host-$i.example.org" A >/dev/null
    client dig -b "$1" @"$2" +tries=2 +time=2 "host-$i.example.org" AAAA >/dev/null
    ((i % 10)) || client dig -b "$1" @"$2" +tcp text.example.org TXT >/dev/null
    sleep 0.4
  done
}
ftp_passive() { client curl -sS --disable-epsv --interface "$1" "ftp://$2/object-9.txt" -o /dev/null "ftp://$2/object-30.txt" -o /dev/null "ftp://$2/" -o /dev/null; }
ftp_extended() { client curl -sS --interface "$1" "ftp://$2/object-2.txt" -o /dev/null "ftp://$2/object-60.txt" -o /dev/null "ftp://$2/" -o /dev/null; }
ftp_port() { client curl -sS --disable-eprt --interface "$1" --ftp-port - "ftp://$2/object-9.txt" -o /dev/null "ftp://$2/object-30.txt" -o /dev/null; }
ftp_eprt() { client curl -sS --interface "$1" --ftp-port - "ftp://$2/object-9.txt" -o /dev/null "ftp://$2/object-30.txt" -o /dev/null; }
ftp_upload() { client curl -sS --disable-epsv --interface "$1" -T "$WORK/www/object-17.txt" "ftp://$2/upload/$RANDOM.txt"; }
# One control connection with transfers now and then; over IPv6, lftp says EPSV and EPRT.
ftp_session() { # client, address, passive (on|off), rounds, pause
  local family=4 round
  [[ $1 == *:* ]] && family=6
  client lftp -f <(
    echo "set cmd:fail-exit yes; set cache:enable no; set ftp:ssl-allow no; set ftp:passive-mode $3"
    echo "set net:socket-bind-ipv$family $1; set net:timeout 5; set net:max-retries 1"
    echo "open ftp://$2"
    for round in $(seq "$4"); do printf 'ls\ncat object-9.txt\n!sleep %s\n' "$5"; done
  ) >/dev/null
}
shell() { # client, address, rounds
  client ssh -tt -4 -b "$1" -i "$WORK/ssh/user" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
    "root@$2" "for i in \$(seq $3); do seq 1 \$((i % 40)); sleep 0.25; done" </dev/null >/dev/null
}
shell6() {
  client ssh -tt -6 -b "$1" -i "$WORK/ssh/user" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
    "root@$2" "for i in \$(seq $3); do seq 1 \$((i % 60)); sleep 0.25; done" </dev/null >/dev/null
}
bulk() { client iperf3 -c "$2" -B "$1" -p "$3" -b "$4" -l 16K -t "$5" >/dev/null; }
datagrams() { client iperf3 -u -c "$2" -B "$1" -p 5203 -b "$3" -l 200 -t "$4" >/dev/null; }
echoes() { # kind of socket with peer, how many, pause
  local i
  for i in $(seq "$2"); do
    echo "message $i of $2 $(head -c $((i % 90)) /dev/zero | tr '\0' x)"
    sleep "$3"
  done | client socat -t 1 - "$1" >/dev/null
}
pings() { client ping -q -i "$3" -c "$4" -I "$1" -s "$5" "$2" >/dev/null; }
pings_back() { server ping -q -i 0.5 -c "$2" "$1" >/dev/null; }

repeat() { # times, pause, command…
  local times=$1 pause=$2 i
  shift 2
  for i in $(seq "$times"); do
    "$@" || true
    sleep "$pause"
  done
}

# Everything at once: short exchanges of many kinds beside a dozen connections that last from beginning to end.
mixed() {
  local T=$SECONDS_MIXED page='index.html object-1.txt object-2.txt object-5.txt object-9.txt object-17.txt'
  local pids=()
  run() {
    "$@" &
    pids+=($!)
  }
  run slow 192.0.2.11 "http://$V4/large.bin"
  run slow 2001:db8::12 "https://[$V6]/large.bin"
  run bulk 192.0.2.12 $V4 5201 500K $T
  run bulk 2001:db8::13 $V6 5202 250K $T
  run datagrams 192.0.2.13 $V4 64K $((T - 2))
  run shell 192.0.2.11 $V4 $((T * 3))
  run shell6 2001:db8::11 $V6 $((T * 3))
  run ftp_session 192.0.2.14 $V4 on $((T / 3)) 2.5
  run ftp_session 192.0.2.14 $V4 off $((T / 3)) 2.5
  run ftp_session 2001:db8::14 "[$V6]" off $((T / 3)) 2.5
  run echoes "UDP4:$V4:7007,bind=192.0.2.12:40001" $((T * 5)) 0.2
  run echoes "UDP6:[$V6]:7007,bind=[2001:db8::14]:40002" $((T * 4)) 0.25
  run echoes "TCP4:$V4:7008,bind=192.0.2.13" $((T * 4)) 0.25
  run pings 192.0.2.11 $V4 0.2 $((T * 5)) 56
  run pings 2001:db8::12 $V6 0.25 $((T * 4)) 200
  run pings_back 192.0.2.14 $((T * 2))
  run names 192.0.2.12 $V4 $((T * 3 / 2))
  run names 2001:db8::14 $V6 $((T * 3 / 2))
  run repeat $((T * 3 / 4)) 1 web 192.0.2.13 $V4 "$page"
  run repeat $((T / 2)) 1.6 web 2001:db8::11 "[$V6]" "$page object-30.txt"
  run repeat $((T / 2)) 1.7 tls 192.0.2.14 $V4 www.example.org 'index.html object-9.txt'
  run repeat $((T / 2)) 1.8 tls 2001:db8::13 "[$V6]" shop.example.org 'index.html object-5.txt'
  run repeat $((T / 5)) 4 ftp_passive 192.0.2.11 $V4
  run repeat $((T / 5)) 4 ftp_extended 2001:db8::12 "[$V6]"
  run repeat $((T / 5)) 4 ftp_port 192.0.2.12 $V4
  run repeat $((T / 5)) 4 ftp_session 2001:db8::11 "[$V6]" off 1 0
  run repeat $((T / 8)) 6 ftp_eprt 192.0.2.13 $V4
  run repeat $((T / 8)) 6 ftp_upload 192.0.2.13 $V4
  wait "${pids[@]}"
}

small_web() { web 192.0.2.11 $V4 'index.html object-1.txt object-9.txt' && web 2001:db8::11 "[$V6]" 'index.html object-2.txt'; }
small_tls() { tls 192.0.2.11 $V4 www.example.org 'index.html object-5.txt' && tls 2001:db8::11 "[$V6]" shop.example.org index.html; }
small_dns() { names 192.0.2.12 $V4 10 && names 2001:db8::12 $V6 10; }
small_ftp() {
  ftp_passive 192.0.2.13 $V4 && ftp_port 192.0.2.13 $V4 && ftp_extended 192.0.2.13 $V4 && ftp_eprt 192.0.2.13 $V4
  ftp_extended 2001:db8::13 "[$V6]" && ftp_session 2001:db8::13 "[$V6]" off 2 0 && ftp_upload 192.0.2.13 $V4
}
small_ssh() { shell 192.0.2.11 $V4 8 && shell6 2001:db8::11 $V6 8; }
small_ping() { pings 192.0.2.11 $V4 0.1 10 56 && pings 2001:db8::11 $V6 0.1 10 1400 && pings 192.0.2.11 $V4 0.1 3 3000; }

# record NAME COMMAND…: runs the command while the client's end of the cable is being recorded.
record() {
  local name=$1 recorder
  shift
  ip netns exec "$NS_CLIENT" tcpdump -q -n -U -Z root -s 65535 -B 32768 -i c0 -w "$WORK/$name.pcap" 2>"$WORK/$name.log" &
  recorder=$!
  until grep -q 'listening on' "$WORK/$name.log" 2>/dev/null; do sleep 0.05; done
  "$@"
  sleep 1.5 # the last FINs and acknowledgements
  # `ip netns exec` becomes the program it runs, so this is tcpdump itself; a background job ignores INT.
  kill -TERM "$recorder"
  wait "$recorder" || true
  if ! grep -q '^0 packets dropped by kernel' "$WORK/$name.log"; then
    echo "record.sh: $name: the recorder lost frames: $(tail -1 "$WORK/$name.log")" >&2
    exit 1
  fi
  mv "$WORK/$name.pcap" "$OUT/$name.pcap"
  echo "$name.pcap: $(grep captured "$WORK/$name.log"), $(stat -c %s "$OUT/$name.pcap") bytes"
}

need ip:iproute2 ethtool:ethtool tcpdump:tcpdump nginx:nginx-light vsftpd:vsftpd sshd:openssh-server \
  ssh:openssh-client dnsmasq:dnsmasq-base dig:bind9-dnsutils iperf3:iperf3 lftp:lftp ping:iputils-ping \
  socat:socat curl:curl openssl:openssl
trap clean_up EXIT
PATH=$PATH:/usr/sbin:/sbin
build_network
make_content
start_servers
record mixed mixed
for kind in web tls dns ftp ssh ping; do record $kind small_$kind; done
