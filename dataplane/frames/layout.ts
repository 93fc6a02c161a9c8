/**
 * The layout of the shared memory, in bytes, little-endian like the machine (descriptors themselves are big-endian).
 * One `WebAssembly.Memory` holds everything a packet touches: slots (frames), rings of slot numbers, connection and
 * flow tables, the node table. Packets never become objects: a frame is a slot number, a flow is the address of its
 * entry. AssemblyScript kernels keep their copy of these constants in `dataplane/kernels/assembly/layout.ts`; a test
 * compares the two.
 *
 * Types in the comments: u8, u16, u32, i32, u64, f64, and `bytes n`.
 */

/* ---- Arena header: the first kilobyte; address 0 is nobody's, so that 0 can mean "none" everywhere --------------- */

export const ARENA_HEADER = 1024;
/** u32 first free byte (atomic: any thread may allocate). */
export const A_CURSOR = 64;
/** u32 address of slot 0. */
export const A_SLOTS = 128;
/** u32 number of slots. */
export const A_SLOT_COUNT = 132;
/** u32 address of the node table, NODE_SIZE bytes a NodeRef. */
export const A_NODES = 136;
/** u32 address of two u32 per slot: links of the lists of free slots (dataplane/frames/slots.ts). */
export const A_FREE_LINKS = 140;
/** u32 slots in a full batch of free slots. */
export const A_FREE_BATCH = 144;
/** u32 head of the shared stack of free batches (atomic): tag in the high 14 bits, slot number + 1 in the low 18. */
export const A_FREE_HEAD = 192;

/* ---- Tables: a 64-byte header, then a power of two of entries, found by linear probing ------------------------- */

export const TABLE_HEADER = 64;
/** u32 address of the first entry. */
export const T_ENTRIES = 0;
/** u32 number of places − 1; a hash's first place is `hash & mask`. */
export const T_MASK = 4;
/** u32 entries in use. */
export const T_SIZE = 8;
/** u32 tombstones: places of removed entries, over which probing goes on. */
export const T_TOMBSTONES = 12;
/** u32 most entries the table takes. */
export const T_LIMIT = 16;
/** u32 longest way, in places, of an entry from its first place since the table was last empty: probing ends there. */
export const T_REACH = 20;

/* ---- Slots: one frame each, with what is known about it ------------------------------------------------------- */

/** Longest frame that a slot takes; longer ones are dropped as `oversize`. */
export const FRAME_MAX = 16384;
/** Shortest frame; shorter ones are dropped as `runt`. */
export const FRAME_MIN = 14;
/** Longest descriptor: 42 + 2 × 104. */
export const DESCRIPTOR_MAX = 250;
export const PATH_COUNT_MAX = 104;

/** Where the frame starts in its slot by default: 2 mod 4, so that an untagged IPv4 header is 4-aligned; room before it. */
export const SLOT_FRAME = 512 + 2;
/** Stride: an odd multiple of 64, so that the heads of slots spread over the cache sets. */
export const SLOT_STRIDE = 17344;

/** u32 frame start, relative to the slot. */
export const S_OFF = 0;
/** u32 frame length. */
export const S_LEN = 4;
/** f64 grid time at which the frame entered the grid, microseconds since 1970. */
export const S_TIME = 8;
/** u32 number of the frame in its source (capture), 0-based; copies keep it. For taps and reports. */
export const S_FRAME_NO = 16;
/** u16 external network ID the frame came from or goes to; 0 = internal. */
export const S_NETWORK = 20;
/** u16 NodeRef that handed the frame over; 0 = an external network. */
export const S_FROM = 22;
/** u16 NodeRef of the next hop; 0 = none chosen. */
export const S_TO = 24;
/** u16 NodeRef that gets the shadow copy; 0 = none. */
export const S_SHADOW = 26;
/** u16 why the frame left the fast path or was dropped: a `Reason` (dataplane/frames/reasons.ts); 0 = fine. */
export const S_REASON = 28;
/** u16 bit field, `SF_*`. */
export const S_FLAGS = 30;

/** Parse results (kernel `parse`). Offsets are relative to the frame start; 0 = absent. */
/** u16 EtherType behind the tags; below 0x600: 802.3 length, reported as 0. */
export const S_ETHERTYPE = 32;
/** u16 offset of the IP header. */
export const S_L3 = 34;
/** u16 offset of the transport header (after IPv6 extension headers). */
export const S_L4 = 36;
/** u16 offset of the transport payload; 0 when there is no readable TCP/UDP header. */
export const S_PAYLOAD = 38;
/** u16 length of the transport payload as the IP header claims it, clipped to the frame. */
export const S_PAYLOAD_LEN = 40;
/** u8 transport protocol (upper layer). */
export const S_PROTO = 42;
/** u8 TCP flags. */
export const S_TCP_FLAGS = 43;
/** u8 0 no fragment, 1 first, 2 later, 3 atomic (whole, with a fragment header). */
export const S_FRAGMENT = 44;
/** u8 4, 6, or 0 = not IP (or malformed: see S_REASON). */
export const S_IP = 45;
/** u8 number of VLAN tags before the EtherType (802.1Q/802.1ad). */
export const S_TAGS = 46;
/** u8 DSCP. */
export const S_DSCP = 47;
/** u32 IP identification (IPv4 16 bits, IPv6 32 bits). */
export const S_IP_ID = 48;
/** u32 hash of the canonical key at S_KEY; never 0 or 1. */
export const S_HASH = 52;
/** u32 address of the connection entry; 0 = none found. */
export const S_CONN = 56;
/** u32 address of the flow entry; 0 = none found. */
export const S_FLOW = 60;

/** The canonical connection key, 48 bytes: the smaller (address, port) first, see `K_*`. */
export const S_KEY = 64;
export const KEY_SIZE = 48;
/** bytes 16: the smaller end's address (IPv4 in the last 4 bytes, zeros before; layer 2: the MAC in the last 6). */
export const K_ADDR_A = 0;
export const K_ADDR_B = 16;
/** u16 ports (host order); 0 for protocols without ports. For layer-2 keys K_PORT_A holds the EtherType. */
export const K_PORT_A = 32;
export const K_PORT_B = 34;
/** u8 protocol; 255 with K_IP 0 = a layer-2 key. */
export const K_PROTO = 36;
/** u8 4, 6, or 0 = layer 2. */
export const K_IP = 37;
/** u16 external network. */
export const K_NETWORK = 38;
/** u16 VLAN IDs of the two outer tags; 0xffff = absent. */
export const K_VLAN_1 = 40;
export const K_VLAN_2 = 42;
/** u32 which end stands on the external network: 1 = A, 2 = B, 0 = not told (frames within the grid, captures). No part of the hash. */
export const K_HERE = 44;

/** u8: 1 = the frame's source is end B of the canonical key. */
export const S_SRC_IS_B = 112;
/** u8: direction in its flow: 0 forward (from the initiator), 1 reverse. */
export const S_REVERSE = 113;
/** u16 length of the descriptor at S_DESCRIPTOR; 0 = the frame carries none. */
export const S_DESC_LEN = 114;
/** u32 sequence number (from the descriptor, or stamped at ingress); 0 = unsequenced. */
export const S_SEQ = 116;
/** u16 virtual link over which the frame last travelled. */
export const S_LINK = 120;
/** u16 spare. */
export const S_SPARE = 122;
/** u32 next slot in a list of held frames; 0xffffffff = end. */
export const S_NEXT = 124;
/**
 * bytes 250: the descriptor saved by `open`, or the template that `seal` appends. Wire layout (big-endian); checksum and
 * signature are zero here.
 */
export const S_DESCRIPTOR = 128;
/** bytes 24: scratch for packet functions; kernels leave it alone. */
export const S_SCRATCH = 384;
/** Bytes of a slot, from its start, that mean something while its frame is sealed: the rest is read from the descriptor. */
export const SEALED_FIELDS = 64;
/** Bytes of a slot, from its start, that a packed frame keeps, followed by its descriptor. */
export const PACKED_FIELDS = S_DESCRIPTOR;
/** Different senders of one batch that the kernel `survey` lists. */
export const SENDERS_MAX = 8;

/** S_FLAGS bits. */
/** First frame of its flow (descriptor flag bit 0). */
export const SF_START = 1;
/** Last frame of its flow (descriptor flag bit 1). */
export const SF_END = 2;
/** The receiving node shadows: it processes the frame and holds what comes out. */
export const SF_HOLD = 4;
/** The captured frame was cut (shorter than on the wire). */
export const SF_CUT = 8;
/** Source or header told that the frame is broadcast or multicast (destination MAC bit 0). */
export const SF_MULTICAST = 16;
/** An application changed the frame (checked by comparing a hash; transparency reports it). */
export const SF_ALTERED = 32;

/* ---- Connection entries (classifier): 128 bytes -------------------------------------------------------------- */

export const CONN_SIZE = 128;
/** bytes 48: canonical key, as at S_KEY. */
export const C_KEY = 0;
/** u32 hash; 0 = the entry is free, HASH_TOMBSTONE = removed. */
export const C_HASH = 48;
/** C_HASH of a removed entry; hashes of keys are at least 2. */
export const HASH_TOMBSTONE = 1;
/** u32 address of the flow entry; 0 = none. */
export const C_FLOW = 52;
/** u32 state bits `CS_*`. */
export const C_STATE = 56;
/** u32 connection ID, given to packet functions besides the flow ID. */
export const C_ID = 60;
/** f64 microseconds of the first / last frame. */
export const C_FIRST = 64;
export const C_LAST = 72;
/** u32 packets and f64 bytes from end A to B and from B to A (canonical ends). */
export const C_PACKETS_AB = 80;
export const C_PACKETS_BA = 84;
export const C_BYTES_AB = 88;
export const C_BYTES_BA = 96;
/** u32 later fragments. */
export const C_LATER_AB = 104;
export const C_LATER_BA = 108;
/** u32 sequence number of the SYN that opened it (CS_SYN). */
export const C_SYN_SEQ = 112;
/** u32 initial sequence number of A / B, as far as heard (its SYN's, or the one before its first segment); 0 = not heard. */
export const C_ISN_A = 116;
export const C_ISN_B = 120;
/** i32 index into the classifier's side table (application context), −1 = none. */
export const C_AUX = 124;

/** C_STATE bits. A frame takes the slow path when it carries SYN, FIN or RST, or its entry has CS_SLOW. */
/** End B opened the connection (its first frame, or its bare SYN, came from B). */
export const CS_B_INITIATES = 1;
export const CS_SYN = 2;
export const CS_SYN_ACK = 4;
export const CS_FIN_A = 8;
export const CS_FIN_B = 16;
export const CS_RST = 32;
/** Every frame of this connection must be seen by TypeScript (application context, awaiting later bytes). */
export const CS_SLOW = 64;
/** Direction within the flow is turned round: this connection's initiator is the flow's responder (FTP active data). */
export const CS_FLOW_REVERSED = 128;
/** The connection has ended and only lingers for stragglers. */
export const CS_CLOSED = 256;

/* ---- Flow entries (one per flow and node): 128 bytes ---------------------------------------------------------- */

export const FLOW_SIZE = 128;
/** u32 flow ID; with F_STATE FS_USED. */
export const F_ID = 0;
/** u32 state bits `FS_*`; 0 = the entry is free. */
export const F_STATE = 4;
/** u16 flow type. */
export const F_TYPE = 8;
/** u8 wire ID of the flow's topology. */
export const F_WIRE = 10;
/** u8 clusters on the path. */
export const F_COUNT = 11;
/** u32 last sequence stamped, forward / reverse (INODEs). */
export const F_SEQ_FWD = 12;
export const F_SEQ_REV = 16;
/** u16 NodeRefs: who emits for this flow in the next cluster, and who shadows, by direction; 0 = none. */
export const F_NEXT_FWD = 20;
export const F_SHADOW_FWD = 22;
export const F_NEXT_REV = 24;
export const F_SHADOW_REV = 26;
/** u16 NodeRefs in this node's own cluster: who emits (may be this node) and who shadows. */
export const F_EMITTER = 28;
export const F_BACKUP = 30;
/** u32 address of the path list (forward): 2 bytes an element as on the wire, processed bits clear. */
export const F_PATH = 32;
/** u16 external network of the initiator / of the responder (INODEs; 0 elsewhere). */
export const F_NET_FWD = 36;
export const F_NET_REV = 38;
/** f64 microseconds of the last frame. */
export const F_LAST = 40;
/** Duplicate windows, forward and reverse: u32 highest sequence, u16 stamping NodeRef (0 = no window yet), u64 bits. */
export const F_WIN_FWD_MAX = 48;
export const F_WIN_FWD_STAMP = 52;
/** u16: the previous hop that may still send in this direction (the named, unfenced emitter). */
export const F_PREV_FWD = 54;
export const F_WIN_FWD_BITS = 56;
export const F_WIN_REV_MAX = 64;
export const F_WIN_REV_STAMP = 68;
export const F_PREV_REV = 70;
export const F_WIN_REV_BITS = 72;
/** u32 packets, f64 bytes by direction. */
export const F_PACKETS_FWD = 80;
export const F_PACKETS_REV = 84;
export const F_BYTES_FWD = 88;
export const F_BYTES_REV = 96;
/** 4 × u16 fenced NodeRefs (replaced emitters whose frames are dropped as `fenced`); 0 = free place. */
export const F_FENCED = 104;
/** u32 live connections of the flow (INODEs). */
export const F_CONNS = 112;
/** i32 index of the flow's object on the TypeScript side (function state, held frames); −1 = none. */
export const F_AUX = 116;
/** f64 microseconds of the first frame. */
export const F_STARTED = 120;

/** F_STATE bits. */
export const FS_USED = 1;
/** The route was chosen in full at ingress (descriptor flag bit 5). */
export const FS_FULL_ROUTE = 2;
/** A replica (descriptor flag bit 3). */
export const FS_REPLICA = 4;
/** No backup holds this flow's state. */
export const FS_UNPROTECTED = 8;
/** Every frame of the flow must be seen by TypeScript (takeover under way, awaiting a route). */
export const FS_SLOW = 16;
export const FS_ENDED = 32;
/** Not in any table: filled from a frame that is carried without an entry, and used again for others. */
export const FS_STATELESS = 64;
/** The whole F_STATE of a removed entry, over which probing goes on. */
export const FS_TOMBSTONE = 0x8000_0000;

/* ---- Node table: 64 bytes a NodeRef ---------------------------------------------------------------------------- */

export const NODE_SIZE = 64;
/** bytes 6: the node's one MAC on the grid: 02:f1:60:00:cluster:node. */
export const N_MAC = 0;
/** u8: 1 = the key at N_KEY is valid, 2 = also the one at N_KEY_PREVIOUS. */
export const N_KEYS = 6;
/** u8: 1 = neighbours hold this node alive. */
export const N_ALIVE = 7;
/** u32 key epoch. */
export const N_EPOCH = 8;
/** bytes 16: SipHash key, in the order of the key's bytes. */
export const N_KEY = 16;
export const N_KEY_PREVIOUS = 32;
/** f64 microseconds since 1970 until which the previous key still verifies. */
export const N_PREVIOUS_UNTIL = 48;

/* ---- The descriptor on the wire ([0074] Table 2; DESIGN.md section 6): offsets from its start ------------------ */

export const D_MARKER = 0;
export const D_CHECKSUM = 2;
export const D_SIGNATURE = 4;
export const D_MACS = 12;
export const D_FLAGS = 24;
export const D_WIRE_ID = 25;
export const D_FLOW_TYPE = 26;
export const D_FLOW_ID = 28;
export const D_SEQUENCE = 32;
export const D_INGRESS_TIME = 36;
export const D_COUNT = 40;
export const D_LIST = 41;
/** 42 + 2 × count in all; the last byte repeats the length. */
export const D_FIXED = 42;
export const MARKER_V1 = 0xf161;
/** Bytes of the frame, from offset 12 on, that the signature covers at most. */
export const SIGNED_FRAME_BYTES = 64;

/** Descriptor flags. */
export const DF_START = 0x01;
export const DF_END = 0x02;
export const DF_UNICAST = 0x04;
export const DF_REPLICA = 0x08;
export const DF_REVERSE = 0x10;
export const DF_FULL_ROUTE = 0x20;
export const DF_REEMITTED = 0x40;
export const DF_FLOOD = 0x80;
