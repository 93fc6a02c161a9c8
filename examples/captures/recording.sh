# What the scripts that record captures share; they read it. WORK is the temporary folder, SPACES the network namespaces of a run.

# need COMMAND:PACKAGE...: ends with what is missing, and how Debian has it.
need() {
  local pair missing=()
  for pair in "$@"; do
    PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
  done
  if ((${#missing[@]})); then
    echo "$(basename "$0"): missing programs; on Debian: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  if [[ $(id -u) != 0 ]]; then
    echo "$(basename "$0"): needs root for network namespaces" >&2
    exit 1
  fi
}

clean_up() {
  trap - EXIT
  local ns pid
  for ns in "${SPACES[@]}"; do
    # Only processes inside our own namespaces are ours to end.
    for pid in $(ip netns pids "$ns" 2>/dev/null); do kill -9 "$pid" 2>/dev/null || true; done
    ip netns del "$ns" 2>/dev/null || true
  done
  rm -rf "$WORK"
}
