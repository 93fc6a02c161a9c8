-- Shows Wireshark and tshark what flowgrid's internal links carry: the flow descriptor at each frame's end
-- (docs/reference/descriptor.md), control frames between nodes, and frames that agents pack into UDP datagrams
-- (docs/reference/datagram.md).
--
--   tshark -X lua_script:interface/wireshark/flowgrid.lua -r internal.pcapng -Y 'flowgrid.flow_id == 0x01020304'
--
-- A frame is taken for one of the grid's only if its source or destination MAC address is a node's, 02:f1:60:00:CC:NN:
-- no frame outside a grid has such an address, so payload that ends like a descriptor stays payload. Needs Wireshark 3.6
-- or newer; arithmetic stands where Lua 5.2 and 5.4 would want different operators.

local FRAME_MIN = 14
local FIXED = 42
local COUNT_MAX = 104
local MARKER = 0xf161
local MAC_PREFIX = "\x02\xf1\x60\x00"
local ETHERTYPE_LOCAL = 0x88b5
local DATAGRAM_MARKER = 0xf1d1
local DATAGRAM_HEADER = 12

local CONTROL_KINDS = {
  [1] = "hello",
  [2] = "export",
  [3] = "in step",
  [4] = "want",
  [5] = "end",
  [6] = "delta",
  [7] = "ack",
  [8] = "pass",
  [9] = "connection",
  [10] = "expect",
  [11] = "repin",
  [12] = "repinned",
  [13] = "choice",
  [14] = "move",
  [15] = "detour",
  [16] = "digest",
  [17] = "offer",
  [18] = "grant",
  [20] = "duty",
  [21] = "flood",
  [22] = "first fragment",
  [23] = "modes",
  [24] = "neighbour",
  [25] = "station",
}

local flowgrid = Proto("flowgrid", "Flowgrid descriptor")

local f = {
  sender = ProtoField.string("flowgrid.sender", "Sender (cluster/node)"),
  receiver = ProtoField.string("flowgrid.receiver", "Receiver (cluster/node)"),
  flaw = ProtoField.string("flowgrid.flaw", "Flaw"),
  marker = ProtoField.uint16("flowgrid.marker", "Marker and version", base.HEX),
  checksum = ProtoField.uint16("flowgrid.checksum", "Checksum", base.HEX),
  checksum_status = ProtoField.uint8("flowgrid.checksum.status", "Checksum status", base.DEC, { [0] = "Bad", [1] = "Good" }),
  signature = ProtoField.uint64("flowgrid.signature", "Signature (not verified)", base.HEX),
  original_dst = ProtoField.ether("flowgrid.original_dst", "Original destination"),
  original_src = ProtoField.ether("flowgrid.original_src", "Original source"),
  flags = ProtoField.uint8("flowgrid.flags", "Flags", base.HEX),
  wire_id = ProtoField.uint8("flowgrid.wire_id", "Topology (wire ID)"),
  flow_type = ProtoField.uint16("flowgrid.flow_type", "Flow type"),
  flow_id = ProtoField.uint32("flowgrid.flow_id", "Flow ID", base.HEX),
  sequence = ProtoField.uint32("flowgrid.sequence", "Sequence"),
  ingress_time = ProtoField.uint32("flowgrid.ingress_time", "Ingress time (µs, modulo 2^32)"),
  since_ingress = ProtoField.int32("flowgrid.since_ingress", "Time since ingress (µs)"),
  count = ProtoField.uint8("flowgrid.count", "Clusters on the path"),
  path = ProtoField.string("flowgrid.path", "Path"),
  path_cluster = ProtoField.uint8("flowgrid.path.cluster", "Cluster"),
  path_processed = ProtoField.bool("flowgrid.path.processed", "Processed", 8, nil, 0x80),
  path_node = ProtoField.uint8("flowgrid.path.node", "Node", base.DEC, nil, 0x7f),
  length = ProtoField.uint8("flowgrid.length", "Length"),
  control_kind = ProtoField.uint8("flowgrid.control.kind", "Control frame", base.DEC, CONTROL_KINDS),
  control_argument = ProtoField.uint24("flowgrid.control.argument", "Argument", base.HEX),
  control_incarnation = ProtoField.uint32("flowgrid.control.incarnation", "Sender's incarnation"),
  control_body = ProtoField.bytes("flowgrid.control.body", "Body"),
}

-- Name, label, mask; in the order of the bits.
local FLAGS = {
  { "start", "First frame of its flow", 0x01 },
  { "end", "Last frame of its flow", 0x02 },
  { "unicast", "Unicast: destination MAC replaced at the ingress", 0x04 },
  { "replica", "Replica", 0x08 },
  { "reverse", "Reverse direction", 0x10 },
  { "full_route", "Route chosen in full at the ingress", 0x20 },
  { "reemitted", "Emitted again after a takeover", 0x40 },
  { "flood", "Flood guard: no per-flow state", 0x80 },
}

local flag_fields = {}
for _, flag in ipairs(FLAGS) do
  local field = ProtoField.bool("flowgrid.flags." .. flag[1], flag[2], 8, nil, flag[3])
  flag_fields[#flag_fields + 1] = field
  f["flag_" .. flag[1]] = field
end
flowgrid.fields = f

local bad_checksum = ProtoExpert.new("flowgrid.bad_checksum", "Descriptor checksum is wrong", expert.group.CHECKSUM, expert.severity.ERROR)
local bad_trailer = ProtoExpert.new("flowgrid.no_descriptor", "A frame between nodes without a readable descriptor", expert.group.MALFORMED, expert.severity.ERROR)
local cut_short = ProtoExpert.new("flowgrid.cut_short", "The capture cut the descriptor off", expert.group.UNDECODED, expert.severity.NOTE)
flowgrid.experts = { bad_checksum, bad_trailer, cut_short }

-- "5/1" for the node whose MAC address begins at `at`; nil for any other address.
local function node_at(tvb, at)
  local mac = tvb:raw(at, 6)
  if mac:sub(1, 4) ~= MAC_PREFIX then return nil end
  local cluster, node = mac:byte(5, 6)
  if cluster < 1 or node < 1 or node > 127 then return nil end
  return cluster .. "/" .. node
end

-- Whether the ones' complement sum (RFC 1071) of a descriptor, its checksum included, is right. Its length is even.
local function sums_up(bytes)
  local sum = 0
  for i = 1, #bytes, 2 do
    local high, low = bytes:byte(i, i + 1)
    sum = sum + high * 256 + low
  end
  while sum > 0xffff do
    sum = sum % 0x10000 + math.floor(sum / 0x10000)
  end
  return sum == 0xffff
end

-- Where the descriptor at the end of `tvb` begins, behind at least `before` bytes; or nil, and the reason under which a
-- node would drop the frame.
local function find_descriptor(tvb, before)
  local whole = tvb:len()
  local length = tvb(whole - 1, 1):uint()
  local start = whole - length
  if length < FIXED or start < before then return nil, "bad-length" end
  local count = tvb(start + 40, 1):uint()
  if count > COUNT_MAX or length ~= FIXED + 2 * count then return nil, "bad-length" end
  if tvb(start, 2):uint() ~= MARKER then return nil, "bad-marker" end
  return start, nil
end

-- The path in one line: "1/1* > 5/2 > 6/?"; a star where the cluster has processed the frame.
local function path_text(tvb, at, count)
  local parts = {}
  for i = 0, count - 1 do
    local cluster, second = tvb:raw(at + 2 * i, 2):byte(1, 2)
    local node = second % 128
    parts[#parts + 1] = cluster .. "/" .. (node == 0 and "?" or node) .. (second >= 128 and "*" or "")
  end
  return table.concat(parts, " > ")
end

local function add_path(tree, tvb, at, count)
  local path = count == 0 and tree:add(f.path, "") or tree:add(f.path, tvb(at, 2 * count), path_text(tvb, at, count))
  for i = 0, count - 1 do
    local range = tvb(at + 2 * i, 2)
    local cluster, second = range(0, 1):uint(), range(1, 1):uint()
    local node = second % 128 == 0 and "node not chosen yet" or "node " .. second % 128
    local element = path:add(flowgrid, range, "Cluster " .. cluster .. ", " .. node .. (second >= 128 and ", processed" or ""))
    element:add(f.path_cluster, range(0, 1))
    element:add(f.path_processed, range(1, 1))
    local chosen = element:add(f.path_node, range(1, 1))
    if second % 128 == 0 then chosen:append_text(" (not chosen yet)") end
  end
end

-- Offset of the body behind the EtherType of control frames, past an outer tag; nil where it is another EtherType.
local function control_body(tvb, last)
  local at = 12
  while at + 2 <= last do
    local ethertype = tvb(at, 2):uint()
    if ethertype == ETHERTYPE_LOCAL then return at + 2 end
    if ethertype ~= 0x8100 and ethertype ~= 0x88a8 then return nil end
    at = at + 4
  end
  return nil
end

-- A frame of flow type 0: the kind stands in the high byte of the flow ID. Returns what it is, in words.
local function add_control(tree, tvb, start)
  local kind = tvb(start + 28, 1):uint()
  tree:add(f.control_kind, tvb(start + 28, 1))
  tree:add(f.control_argument, tvb(start + 29, 3))
  local body = control_body(tvb, start)
  if body ~= nil and body + 4 <= start then
    tree:add(f.control_incarnation, tvb(body, 4))
    if body + 4 < start then tree:add(f.control_body, tvb(body + 4, start - body - 4)) end
  end
  return CONTROL_KINDS[kind] or "control " .. kind
end

-- Microseconds between ingress and capture: both modulo 2^32, and below 0 where the capturing clock is behind.
local function since_ingress(tvb, start, pinfo)
  local now = math.floor(pinfo.abs_ts * 1e6 + 0.5)
  return math.floor((now - tvb(start + 36, 4):uint() + 0x80000000) % 0x100000000 - 0x80000000)
end

local function add_checksum(tree, range, good)
  local item = tree:add(f.checksum, range)
  item:append_text(good and " [correct]" or " [incorrect]")
  tree:add(f.checksum_status, range, good and 1 or 0):set_generated()
  if not good then item:add_proto_expert_info(bad_checksum) end
end

local function add_flags(tree, range)
  local item = tree:add(f.flags, range)
  local value, said = range:uint(), {}
  for i, flag in ipairs(FLAGS) do
    item:add(flag_fields[i], range)
    if math.floor(value / flag[3]) % 2 == 1 then said[#said + 1] = flag[1] end
  end
  if #said > 0 then item:append_text(" (" .. table.concat(said, ", ") .. ")") end
end

-- Adds the descriptor that begins at `start`; returns its line for the info column.
local function add_descriptor(tree, tvb, start, pinfo, good)
  local count = tvb(start + 40, 1):uint()
  local flow_type = tvb(start + 26, 2):uint()
  tree:add(f.marker, tvb(start, 2))
  add_checksum(tree, tvb(start + 2, 2), good)
  tree:add(f.signature, tvb(start + 4, 8))
  tree:add(f.original_dst, tvb(start + 12, 6))
  tree:add(f.original_src, tvb(start + 18, 6))
  add_flags(tree, tvb(start + 24, 1))
  tree:add(f.wire_id, tvb(start + 25, 1))
  local typed = tree:add(f.flow_type, tvb(start + 26, 2))
  if flow_type == 0 then typed:append_text(" (hello and control)") end
  tree:add(f.flow_id, tvb(start + 28, 4))
  local what = flow_type == 0 and add_control(tree, tvb, start) or nil
  tree:add(f.sequence, tvb(start + 32, 4))
  tree:add(f.ingress_time, tvb(start + 36, 4))
  if what == nil then
    tree:add(f.since_ingress, tvb(start + 36, 4), since_ingress(tvb, start, pinfo)):set_generated()
  end
  tree:add(f.count, tvb(start + 40, 1))
  add_path(tree, tvb, start + 41, count)
  tree:add(f.length, tvb(start + 41 + 2 * count, 1))
  if what ~= nil then return what end
  local reverse = math.floor(tvb(start + 24, 1):uint() / 16) % 2 == 1 and "reverse " or ""
  local flow = string.format("flow 0x%08x %s#%.0f", tvb(start + 28, 4):uint(), reverse, tvb(start + 32, 4):uint())
  return flow .. ", " .. path_text(tvb, start + 41, count)
end

-- Shows what a whole Ethernet frame carries at its end, if it is one between nodes; returns a line that says so, or nil.
local function dissect_frame(tvb, pinfo, tree)
  if tvb:len() < FRAME_MIN then return nil end
  local sender, receiver = node_at(tvb, 6), node_at(tvb, 0)
  if sender == nil and receiver == nil then return nil end
  local way = (sender or "?") .. " to " .. (receiver or "?")
  local start, flaw
  if tvb:reported_len() > tvb:len() then flaw = "cut-short" else start, flaw = find_descriptor(tvb, FRAME_MIN) end
  local range = start == nil and tvb(0, 12) or tvb(start)
  local branch = tree:add(flowgrid, range, "Flowgrid descriptor, " .. way)
  if sender ~= nil then branch:add(f.sender, tvb(6, 6), sender):set_generated() end
  if receiver ~= nil then branch:add(f.receiver, tvb(0, 6), receiver):set_generated() end
  if start == nil then
    branch:append_text(": " .. flaw)
    branch:add(f.flaw, flaw):set_generated()
    branch:add_proto_expert_info(tvb:reported_len() > tvb:len() and cut_short or bad_trailer)
    return way .. ": no descriptor, " .. flaw
  end
  local good = sums_up(tvb:raw(start, tvb:len() - start))
  if not good then branch:add(f.flaw, "bad-checksum"):set_generated() end
  local line = add_descriptor(branch, tvb, start, pinfo, good) .. (good and "" or ", bad checksum")
  branch:append_text(": " .. line)
  return way .. ": " .. line
end

-- Every frame is tried, after all other dissectors: the inner protocol's own length hides its trailer from them.
function flowgrid.dissector(tvb, pinfo, tree)
  local line = dissect_frame(tvb, pinfo, tree)
  if line ~= nil then pinfo.cols.info:append(" [" .. line .. "]") end
end

register_postdissector(flowgrid)

-- Where the inner protocol leaves the descriptor over as a trailer, Ethernet need not wonder what it is.
flowgrid:register_heuristic("eth.trailer", function(trailer)
  if trailer:len() < FIXED then return false end
  local start = find_descriptor(trailer, 0)
  return start ~= nil and sums_up(trailer:raw(start, trailer:len() - start))
end)

local datagram = Proto("flowgrid_datagram", "Flowgrid frames in a datagram")
local d = {
  marker = ProtoField.uint16("flowgrid_datagram.marker", "Marker and version", base.HEX),
  count = ProtoField.uint16("flowgrid_datagram.count", "Frames"),
  stream = ProtoField.uint32("flowgrid_datagram.stream", "Stream", base.HEX),
  number = ProtoField.uint32("flowgrid_datagram.number", "Number in its stream"),
  frame_length = ProtoField.uint16("flowgrid_datagram.frame_length", "Frame length"),
}
datagram.fields = d
local ethernet = Dissector.get("eth_withoutfcs")

-- Where the frames of a datagram lie, as {offset, length}; nil unless they fill it exactly.
local function frames_of(tvb)
  local whole = tvb:len()
  if whole < DATAGRAM_HEADER or tvb:reported_len() > whole or tvb(0, 2):uint() ~= DATAGRAM_MARKER then return nil end
  local frames, at = {}, DATAGRAM_HEADER
  for _ = 1, tvb(2, 2):uint() do
    if at + 2 > whole then return nil end
    local length = tvb(at, 2):uint()
    if length < FRAME_MIN or at + 2 + length > whole then return nil end
    frames[#frames + 1] = { at + 2, length }
    at = at + 2 + length
  end
  if #frames == 0 or at ~= whole then return nil end
  return frames
end

local function dissect_datagram(tvb, pinfo, tree)
  local frames = frames_of(tvb)
  if frames == nil then return false end
  local branch = tree:add(datagram, tvb(), "Flowgrid datagram, " .. #frames .. (#frames == 1 and " frame" or " frames"))
  branch:add(d.marker, tvb(0, 2))
  branch:add(d.count, tvb(2, 2))
  branch:add(d.stream, tvb(4, 4))
  branch:add(d.number, tvb(8, 4))
  local lines = {}
  for _, frame in ipairs(frames) do
    local at, length = frame[1], frame[2]
    branch:add(d.frame_length, tvb(at - 2, 2))
    local inner = tvb(at, length):tvb()
    ethernet:call(inner, pinfo, tree)
    lines[#lines + 1] = dissect_frame(inner, pinfo, tree)
  end
  pinfo.cols.protocol:set("Flowgrid")
  pinfo.cols.info:clear_fence()
  pinfo.cols.info:set(#frames .. (#frames == 1 and " frame" or " frames") .. (#lines == 0 and "" or ": ") .. table.concat(lines, "; "))
  return true
end

-- For Decode As, where the port is another protocol's.
function datagram.dissector(tvb, pinfo, tree)
  dissect_datagram(tvb, pinfo, tree)
end

datagram:register_heuristic("udp", dissect_datagram)
DissectorTable.get("udp.port"):add_for_decode_as(datagram)
