"""
A Linux bridge with VLAN filtering, whose ports somebody else sends by and listens to: one request a line comes in, one
answer goes out, in JSON. It makes its interfaces in whatever network namespace it is started in.

    {"bridge": {"ports": [...], "ageingMs": 300000, "forwardReserved": 1}}   begins with a bridge that knows nobody
    {"configure": 0, "port": {"pvid": 1, "untagged": [1], "tagged": [2]}}    tells a port something else
    {"send": 0, "frame": "hex"}                                              a frame comes in by a port
    {"collect": true}      waits until all that was sent is through; answers what left, by port: {"frames": [["hex"]]}
    {"age": true}          waits until every address that was learned is forgotten
    {"script": "bridge ...", "ports": ["EN-1"]}   begins with br0 as Linux makes one, with ports of these names, and runs commands
    {"vlans": true}        answers the VLANs of each port: {"vlans": [[[10, "pvid"], [20, ""]]]}

As the first process of a kernel of its own it is given the folder of the kernel's modules and loads those that it needs.
"""

import ctypes
import json
import os
import select
import socket
import struct
import subprocess
import sys
import termios
import tty

# Ports that frames can come in by; there are more when somebody names more.
PORTS = 6
# Two more that join nothing but the VLAN of the sentinel.
SENTINELS = (254, 255)
SENTINEL_VLAN = 4094
# So that a bridge forwards at once, and each frame wherever it may.
PLAIN = "stp_state 0 forward_delay 0"
ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_AUXDATA = 8
SO_RCVBUFFORCE = 33
PACKET_OUTGOING = 4
TAG_IS_VALID = 0x10
ETHERTYPE_VLAN = 0x8100
TYPE_IS_VALID = 0x40
SYS_FINIT_MODULE = 313
PATIENCE_S = 60
MODULES = ["lib/crc-ccitt", "net/ipv6/ipv6", "net/llc/llc", "net/802/stp", "net/802/garp", "net/802/mrp"]
MODULES += ["net/8021q/8021q", "net/bridge/bridge", "drivers/net/veth"]


def begin_kernel(modules):
    """What somebody must do who is the first process: file systems that ip reads, and modules."""
    libc = ctypes.CDLL(None, use_errno=True)
    for name, at in (("proc", "/proc"), ("sysfs", "/sys")):
        if libc.mount(name.encode(), at.encode(), name.encode(), 0, None) != 0:
            raise OSError(ctypes.get_errno(), "mounting " + at)
    for module in MODULES:
        file = os.open(f"{modules}/kernel/{module}.ko", os.O_RDONLY)
        if libc.syscall(SYS_FINIT_MODULE, file, b"", 0) != 0:
            raise OSError(ctypes.get_errno(), "loading " + module)
        os.close(file)


def run(program, *lines, options=()):
    """Runs ip or bridge once for all lines; returns what it printed."""
    batch = [program, *options, "-batch", "-"] if len(lines) > 1 else [program, *options, *lines[0].split()]
    done = subprocess.run(batch, input="\n".join(lines), capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{program}: {done.stderr.strip()}")
    return done.stdout


class Wire:
    """A pair of interfaces: frames go in and out by one end, the other one is a port of the bridge."""

    def __init__(self, number):
        self.port = self.plain_name = f"p{number}"
        far = f"w{number}"
        address = f"address 06:ff:00:00:00:{number:02x}"
        run(
            "ip",
            f"link add {self.port} {address} type veth peer name {far}",
            f"link set {far} up promisc on",
            f"link set {self.port} up",
        )
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.bind((far, ETH_P_ALL))
        self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 23)
        self.socket.setblocking(False)

    def rename(self, name):
        run("ip", f"link set {self.port} down", f"link set {self.port} name {name}", f"link set {name} up")
        self.port = name

    def received(self):
        """All that came, with the tags that the kernel keeps beside the frames put back."""
        frames = []
        while True:
            try:
                frame, notes, _, sender = self.socket.recvmsg(65536, 256)
            except BlockingIOError:
                return frames
            if sender[2] != PACKET_OUTGOING:
                frames.append(with_tag(frame, notes).hex())


def with_tag(frame, notes):
    for level, kind, data in notes:
        if (level, kind) != (SOL_PACKET, PACKET_AUXDATA):
            continue
        status, _, _, _, _, tag, tag_type = struct.unpack("=IIIHHHH", data[:20])
        if status & TAG_IS_VALID:
            kind = tag_type if status & TYPE_IS_VALID else ETHERTYPE_VLAN
            return frame[:12] + struct.pack("!HH", kind, tag) + frame[12:]
    return frame


class Bridge:
    def __init__(self):
        # Nobody else may send here: a host's own IPv6 would.
        for name in ("all", "default"):
            path = f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6"
            if os.path.exists(path):
                with open(path, "w") as setting:
                    setting.write("1")
        self.wires = [Wire(number) for number in range(PORTS)]
        self.ends = [Wire(number) for number in SENTINELS]
        self.vlans = [[] for _ in self.wires]
        self.sentinel = 0
        self.make("mcast_snooping 0 vlan_default_pvid 0 vlan_filtering 1", self.wires)
        self.join_ends()

    def make(self, settings, wires):
        run(
            "ip",
            f"link add br0 type bridge {PLAIN} {settings}",
            "link set br0 up",
            *(f"link set {wire.port} master br0" for wire in [*wires, *self.ends]),
        )
        while any(port["state"] != "forwarding" for port in json.loads(run("bridge", "link show", options=["-j"]))):
            pass

    def join_ends(self):
        run("bridge", *(f"vlan add dev {wire.port} vid {SENTINEL_VLAN} pvid untagged" for wire in self.ends))

    def obey(self, script, names):
        """What an operator does: a bridge as it is made, a device for each port, and then the commands."""
        run("ip", "link delete br0")
        while len(self.wires) < len(names):
            self.wires.append(Wire(len(self.wires)))
        for wire in self.wires:
            if wire.port != wire.plain_name:
                wire.rename(wire.plain_name)
        for wire, name in zip(self.wires, names):
            wire.rename(name)
        self.make("", self.wires[: len(names)])
        done = subprocess.run(["sh", "-e"], input=script, capture_output=True, text=True)
        if done.returncode != 0 or done.stderr != "":
            raise RuntimeError(f"the commands failed: {done.stderr.strip()}")
        self.join_ends()
        self.collect()

    def members(self):
        """The VLANs of each port, with what the bridge says of them."""
        told = {port["ifname"]: port["vlans"] for port in json.loads(run("bridge", "vlan show", options=["-j"]))}
        return [[vlan_of(each) for each in told.get(wire.port, [])] for wire in self.wires]

    def begin(self, settings):
        """The wires and the bridge are kept, and nothing else."""
        ageing = settings.get("ageingMs", 300_000) // 10
        # A bridge without spanning tree forwards the first address anyhow, and takes no bit for it: see SwitchSettings.
        reserved = settings.get("forwardReserved", 0) & ~7
        for number in range(PORTS):
            self.configure(number, {})
        for number, port in enumerate(settings["ports"]):
            self.configure(number, port)
        run("ip", f"link set br0 type bridge ageing_time {ageing} group_fwd_mask {reserved} fdb_flush")
        self.collect()

    def configure(self, number, port):
        wire = self.wires[number]
        pvid, untagged = port.get("pvid"), port.get("untagged", [])
        vlans = [*port.get("tagged", []), *untagged]
        gone = [vlan for vlan in self.vlans[number] if vlan not in vlans]
        lines = [f"vlan del dev {wire.port} vid {vlan}" for vlan in gone]
        for vlan in vlans:
            traits = ("pvid " if vlan == pvid else "") + ("untagged" if vlan in untagged else "")
            lines.append(f"vlan add dev {wire.port} vid {vlan} {traits}")
        self.vlans[number] = vlans
        if lines:
            run("bridge", *lines)

    def send(self, number, frame):
        self.wires[number].socket.send(frame)

    def collect(self):
        """
        Frames wait in one queue, that of this processor, on their way into the bridge and again on their way out of it:
        when one that was sent last is through, all are.
        """
        self.sentinel += 1
        mark = bytes.fromhex("ffffffffffff06fe0000000088b5") + struct.pack("!Q", self.sentinel) + bytes(40)
        begin, end = self.ends
        begin.socket.send(mark)
        while True:
            if not select.select([end.socket], [], [], PATIENCE_S)[0]:
                raise RuntimeError("the sentinel did not come through the bridge")
            if mark.hex() in end.received():
                break
        begin.received()
        return [wire.received() for wire in self.wires]

    def age(self):
        while any("permanent" != entry.get("state") for entry in self.entries()):
            pass

    def entries(self):
        """What it knows, but for the sentinel's own address."""
        known = json.loads(run("bridge", "fdb show br br0", options=["-j"]))
        return [entry for entry in known if entry.get("vlan") != SENTINEL_VLAN]


def vlan_of(told):
    flags = [{"PVID": "pvid", "Egress Untagged": "untagged"}[flag] for flag in told.get("flags", [])]
    return [told["vlan"], " ".join(flags)]


def answer(bridge, request):
    if "bridge" in request:
        bridge.begin(request["bridge"])
    elif "configure" in request:
        bridge.configure(request["configure"], request["port"])
    elif "send" in request:
        bridge.send(request["send"], bytes.fromhex(request["frame"]))
    elif "collect" in request:
        return {"frames": bridge.collect()}
    elif "age" in request:
        bridge.age()
    elif "script" in request:
        bridge.obey(request["script"], request["ports"])
    elif "vlans" in request:
        return {"vlans": bridge.members()}
    return {}


def main():
    if os.isatty(0):
        tty.setraw(0, termios.TCSANOW)
    try:
        if len(sys.argv) > 1 and sys.argv[1].startswith("/"):
            begin_kernel(sys.argv[1])
        os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin:" + os.environ.get("PATH", "")
        # One processor, hence one queue: see collect.
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        bridge = Bridge()
        print(json.dumps({"kernel": os.uname().release}), flush=True)
    except Exception as error:
        print(json.dumps({"error": str(error)}), flush=True)
        raise
    for line in sys.stdin:
        try:
            answered = answer(bridge, json.loads(line))
        except Exception as error:
            answered = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answered), flush=True)


main()
