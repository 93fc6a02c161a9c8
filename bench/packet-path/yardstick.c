/*
 * What ingress push costs in C: the same work as the kernels parse, lookupConnections, stamp and seal do for an
 * established IPv4/UDP flow, over the same layout of slots and tables, in batches of 64. Built and run by the bench
 * where a compiler is present:
 *
 *   cc -O3 -o yardstick yardstick.c && ./yardstick FLOWS FRAME_BYTES BATCHES
 *
 * prints the median nanoseconds per frame. Not hardened: it trusts its own frames.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { BATCH = 64, STRIDE = 17344, FRAME = 514, KEY_WORDS = 12, PATH = 4, DESCRIPTOR = 42 + 2 * PATH };

typedef struct {
  uint32_t key[KEY_WORDS];
  uint32_t hash, flow, state, id;
  double first, last;
  uint32_t packets[2];
  double bytes[2];
  uint32_t rest[6];
} Connection;

typedef struct {
  uint32_t id, state;
  uint16_t type;
  uint8_t wire, count;
  uint32_t sequence[2];
  uint16_t next[4], emitter, backup;
  uint32_t path;
  uint16_t network[2];
  double last;
  uint8_t windows[32];
  uint32_t packets[2];
  double bytes[2];
  uint32_t rest[6];
} Flow;

typedef struct {
  uint32_t offset, length;
  double time;
  uint16_t ethertype, l3, l4, payload, payloadLength, ipId;
  uint8_t proto, fragment, tags, dscp, sourceIsB, reason;
  uint32_t hash;
  uint32_t connection, flow;
  uint32_t key[KEY_WORDS];
  uint32_t sequence;
  uint16_t to, shadow, descriptorLength;
  uint8_t descriptor[256];
} Slot;

typedef struct {
  uint8_t mac[8], rest[8];
  uint64_t key[2], previous[2], until, spare;
} Node;

static uint8_t *slots;
static Connection *connections;
static Flow *flows;
static uint32_t mask, seed[KEY_WORDS];
static Node nodes[1 << 15];
static uint8_t pathList[2 * PATH] = {1, 1, 2, 1, 3, 1, 4, 1};

static uint64_t load64(const void *p) { uint64_t v; memcpy(&v, p, 8); return v; }
static uint32_t load32(const void *p) { uint32_t v; memcpy(&v, p, 4); return v; }
static uint16_t load16(const void *p) { uint16_t v; memcpy(&v, p, 2); return v; }
static void store64(void *p, uint64_t v) { memcpy(p, &v, 8); }
static void store32(void *p, uint32_t v) { memcpy(p, &v, 4); }
static void store16(void *p, uint16_t v) { memcpy(p, &v, 2); }
static uint16_t big16(const void *p) { return __builtin_bswap16(load16(p)); }
static Slot *slotAt(int i) { return (Slot *)(slots + (size_t)i * STRIDE); }

static uint32_t mix32(uint32_t h) {
  h = (h ^ (h >> 16)) * 0x85ebca6bu;
  h = (h ^ (h >> 13)) * 0xc2b2ae35u;
  return h ^ (h >> 16);
}

static uint32_t hashKey(const uint32_t *key) {
  uint64_t sum = 0;
  for (int i = 0; i < KEY_WORDS; i += 2) {
    sum += (uint64_t)(key[i] + seed[i]) * (uint64_t)(key[i + 1] + seed[i + 1]);
  }
  sum = (sum ^ (sum >> 32)) * 0x9e3779b97f4a7c15ull;
  uint32_t hash = (uint32_t)(sum ^ (sum >> 32));
  return hash < 2 ? hash + 2 : hash;
}

static int parse(Slot *slot) {
  const uint8_t *frame = (uint8_t *)slot + slot->offset;
  uint32_t length = slot->length;
  if (length < 34 || big16(frame + 12) != 0x0800) return 1;
  const uint8_t *ip = frame + 14;
  uint32_t header = (ip[0] & 15) * 4, total = big16(ip + 2);
  if (ip[0] >> 4 != 4 || header < 20 || total < header) return 2;
  uint32_t end = 14 + total < length ? 14 + total : length, l4 = 14 + header;
  if (load16(ip + 6) & 0xff3f || ip[9] != 17 || l4 + 8 > end) return 3;
  slot->ethertype = 0x0800;
  slot->l3 = 14;
  slot->l4 = (uint16_t)l4;
  slot->payload = (uint16_t)(l4 + 8);
  slot->payloadLength = (uint16_t)(end - l4 - 8);
  slot->ipId = big16(ip + 4);
  slot->proto = ip[9];
  slot->dscp = ip[1] >> 2;
  uint32_t source = load32(ip + 12), destination = load32(ip + 16);
  uint32_t sourcePort = big16(frame + l4), destinationPort = big16(frame + l4 + 2);
  uint32_t a = __builtin_bswap32(source), b = __builtin_bswap32(destination);
  int swapped = a > b || (a == b && sourcePort > destinationPort);
  memset(slot->key, 0, sizeof slot->key);
  slot->key[3] = swapped ? destination : source;
  slot->key[7] = swapped ? source : destination;
  slot->key[8] = swapped ? destinationPort | sourcePort << 16 : sourcePort | destinationPort << 16;
  slot->key[9] = 17 | 4 << 8 | 1 << 16;
  slot->key[10] = 0xffffffffu;
  slot->sourceIsB = (uint8_t)swapped;
  slot->hash = hashKey(slot->key);
  return 0;
}

static Connection *find(const Slot *slot) {
  for (uint32_t place = slot->hash & mask;; place = (place + 1) & mask) {
    Connection *entry = connections + place;
    if (entry->hash == slot->hash && memcmp(entry->key, slot->key, sizeof entry->key) == 0) return entry;
    if (entry->hash == 0) return 0;
  }
}

static void lookup(void) {
  uint64_t touched = 0;
  for (int i = 0; i < BATCH; i++) {
    const Connection *entry = connections + (slotAt(i)->hash & mask);
    touched += entry->hash + (uint64_t)entry->packets[0];
  }
  if (touched == ~0ull) abort();
  for (int i = 0; i < BATCH; i++) {
    Slot *slot = slotAt(i);
    Connection *entry = slot->reason ? 0 : find(slot);
    if (!entry) { slot->reason = 9; continue; }
    slot->connection = (uint32_t)(entry - connections);
    slot->flow = entry->flow;
    entry->packets[slot->sourceIsB]++;
    entry->bytes[slot->sourceIsB] += slot->length;
    entry->last = slot->time;
  }
}

static void nameNode(uint8_t *descriptor, uint32_t end, uint32_t cluster, uint32_t value) {
  for (uint32_t at = 41; at < end; at += 2) {
    if (descriptor[at] != cluster) continue;
    descriptor[at + 1] = (uint8_t)value;
    return;
  }
}

static void stamp(uint32_t self) {
  uint64_t touched = 0;
  for (int i = 0; i < BATCH; i++) touched += flows[slotAt(i)->flow].id + (uint64_t)flows[slotAt(i)->flow].packets[0];
  if (touched == ~0ull) abort();
  for (int i = 0; i < BATCH; i++) {
    Slot *slot = slotAt(i);
    if (slot->reason) continue;
    Flow *flow = flows + slot->flow;
    uint8_t *d = slot->descriptor;
    slot->sequence = ++flow->sequence[0];
    flow->packets[0]++;
    flow->bytes[0] += slot->length;
    flow->last = slot->time;
    memset(d, 0, 24);
    store16(d, 0x61f1);
    d[24] = 4;
    d[25] = flow->wire;
    store16(d + 26, __builtin_bswap16(flow->type));
    store32(d + 28, __builtin_bswap32(flow->id));
    store32(d + 32, __builtin_bswap32(slot->sequence));
    store32(d + 36, __builtin_bswap32((uint32_t)(uint64_t)slot->time));
    uint32_t count = flow->count, listEnd = 41 + 2 * count, at = 0;
    if (count - 1 >= 104 || flow->state & 16) { slot->reason = 10; continue; }
    d[40] = flow->count;
    for (; at + 8 <= 2 * count; at += 8) store64(d + 41 + at, load64(pathList + flow->path + at));
    for (; at < 2 * count; at += 2) store16(d + 41 + at, load16(pathList + flow->path + at));
    d[listEnd] = (uint8_t)(listEnd + 1);
    nameNode(d, listEnd, self >> 7, 0x80 | (self & 127));
    nameNode(d, listEnd, flow->next[0] >> 7, flow->next[0] & 127);
    slot->to = flow->next[0];
    slot->shadow = flow->next[1];
    slot->descriptorLength = (uint16_t)(listEnd + 1);
  }
}

#define ROTATE(x, b) (((x) << (b)) | ((x) >> (64 - (b))))
#define ROUND                                                                                                          \
  v0 += v1; v2 += v3; v1 = ROTATE(v1, 13) ^ v0; v3 = ROTATE(v3, 16) ^ v2; v0 = ROTATE(v0, 32);                         \
  v2 += v1; v0 += v3; v1 = ROTATE(v1, 17) ^ v2; v3 = ROTATE(v3, 21) ^ v0; v2 = ROTATE(v2, 32);

static uint64_t sip(const uint64_t *key, const uint8_t *message, uint32_t length) {
  uint64_t key0 = key[0], key1 = key[1];
  uint64_t v0 = key0 ^ 0x736f6d6570736575ull, v1 = key1 ^ 0x646f72616e646f6dull;
  uint64_t v2 = key0 ^ 0x6c7967656e657261ull, v3 = key1 ^ 0x7465646279746573ull, word;
  const uint8_t *end = message + (length & ~7u);
  for (; message < end; message += 8) {
    word = load64(message);
    v3 ^= word;
    ROUND ROUND
    v0 ^= word;
  }
  uint32_t rest = length & 7;
  word = (uint64_t)length << 56 | (rest ? load64(message) & (~0ull >> (64 - 8 * rest)) : 0);
  v3 ^= word;
  ROUND ROUND
  v0 ^= word;
  v2 ^= 0xff;
  ROUND ROUND ROUND ROUND
  return v0 ^ v1 ^ v2 ^ v3;
}

static uint16_t checksum(const uint8_t *p, uint32_t length) {
  uint64_t sum = 0;
  for (; length >= 8; p += 8, length -= 8) { uint64_t w = load64(p); sum += (w & 0xffffffffu) + (w >> 32); }
  for (; length >= 2; p += 2, length -= 2) sum += load16(p);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)~sum;
}

static uint32_t signedBytes(uint32_t length) { return length - 12 < 64 ? length - 12 : 64; }

static void seal(uint32_t self) {
  uint64_t own = load64(nodes[self].mac) & 0xffffffffffffull;
  for (int i = 0; i < BATCH; i++) {
    Slot *slot = slotAt(i);
    uint32_t length = slot->length, added = slot->descriptorLength, covered = signedBytes(length), at = 24;
    if (slot->reason) continue;
    if (!slot->to || added < 42 || added > 250 || slot->offset + length + added + 66 > STRIDE) { slot->reason = 11; continue; }
    uint8_t *frame = (uint8_t *)slot + slot->offset, *tail = frame + length, *d = slot->descriptor;
    uint64_t low = load64(frame), high = load32(frame + 8);
    store64(frame, (load64(nodes[slot->to].mac) & 0xffffffffffffull) | own << 48);
    store32(frame + 8, (uint32_t)(own >> 16));
    store64(d + 12, low);
    store32(d + 20, (uint32_t)high);
    store64(tail, load16(d));
    store64(tail + 8, low << 32);
    store64(tail + 16, low >> 32 | high << 32);
    for (; at + 8 <= added; at += 8) store64(tail + at, load64(d + at));
    store64(tail + added - 8, load64(d + added - 8));
    store16(tail + added, __builtin_bswap16((uint16_t)length));
    for (at = 0; at + 8 <= covered; at += 8) store64(tail + added + 2 + at, load64(frame + 12 + at));
    store64(tail + added + 2 + covered - 8, load64(frame + 12 + covered - 8));
    slot->length = length + added;
  }
  for (int i = 0; i < BATCH; i++) {
    Slot *slot = slotAt(i);
    if (slot->reason) continue;
    uint32_t added = slot->descriptorLength, length = slot->length - added;
    uint8_t *tail = (uint8_t *)slot + slot->offset + length;
    uint64_t signature = sip(nodes[self].key, tail, added + 2 + signedBytes(length));
    store64(tail + 4, __builtin_bswap64(signature));
    store16(tail + 2, checksum(tail, added));
  }
}

static uint32_t fill(const uint32_t *order, uint32_t position, uint32_t count, uint32_t size) {
  for (int i = 0; i < BATCH; i++) {
    uint32_t flow = order[position];
    position = position + 1 == count ? 0 : position + 1;
    Slot *slot = slotAt(i);
    uint8_t *frame = (uint8_t *)slot + FRAME;
    slot->offset = FRAME;
    slot->length = size;
    slot->reason = 0;
    slot->time = 1.7e15;
    frame[0] = frame[6] = 2;
    store32(frame + 26, 10 | 1 << 8 | (flow >> 16) << 16);
    store16(frame + 34, (uint16_t)flow);
  }
  return position;
}

static void *zeroed(size_t bytes) {
  void *p = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) exit(1);
  return p;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void putTemplates(uint32_t size) {
  for (int i = 0; i < BATCH; i++) {
    uint8_t head[42] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17};
    uint8_t *frame = (uint8_t *)slotAt(i) + FRAME;
    store32(head + 30, 10 | 9 << 8 | 8 << 16 | 7u << 24);
    store16(head + 16, __builtin_bswap16((uint16_t)(size - 14)));
    store16(head + 36, __builtin_bswap16(53));
    store16(head + 38, __builtin_bswap16((uint16_t)(size - 34)));
    memset(slotAt(i), 0, FRAME + size);
    memcpy(frame, head, sizeof head);
  }
}

static void addFlows(const uint32_t *order, uint32_t count, uint32_t size) {
  for (uint32_t done = 0; done < count; done += BATCH) {
    fill(order, done, count, size);
    for (int i = 0; i < BATCH; i++) {
      Slot *slot = slotAt(i);
      if (parse(slot) || find(slot)) continue;
      uint32_t id = 0x01000000u | order[(done + i) % count], place = slot->hash & mask, home = mix32(id) & mask;
      while (connections[place].hash) place = (place + 1) & mask;
      while (flows[home].state) home = (home + 1) & mask;
      memcpy(connections[place].key, slot->key, sizeof slot->key);
      connections[place].hash = slot->hash;
      connections[place].flow = home;
      flows[home] = (Flow){.id = id, .state = 1, .type = 1, .wire = 1, .count = PATH, .next = {2 << 7 | 1}};
    }
  }
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  uint32_t count = (uint32_t)atol(argv[1]), size = (uint32_t)atol(argv[2]), batches = (uint32_t)atol(argv[3]);
  uint32_t capacity = 2;
  while (capacity < count * 1.5) capacity *= 2;
  mask = capacity - 1;
  if (sizeof(Connection) != 128 || sizeof(Flow) != 128) return 3;
  slots = zeroed((size_t)BATCH * STRIDE);
  connections = zeroed((size_t)capacity * sizeof(Connection));
  flows = zeroed((size_t)capacity * sizeof(Flow));
  uint32_t *order = malloc(count * sizeof *order);
  uint64_t random = 42;
  for (uint32_t i = 0; i < KEY_WORDS; i++) seed[i] = mix32(i * 0x9e3779b9u);
  for (uint32_t i = 0; i < count; i++) order[i] = i;
  for (uint32_t i = count - 1; i > 0; i--) {
    random = random * 6364136223846793005ull + 1442695040888963407ull;
    uint32_t j = (uint32_t)((random >> 33) % (i + 1)), swap = order[i];
    order[i] = order[j];
    order[j] = swap;
  }
  putTemplates(size);
  addFlows(order, count, size);
  for (uint32_t i = 0; i < 1 << 15; i++) {
    memcpy(nodes[i].mac, (uint8_t[]){2, 0xf1, 0x60, 0, (uint8_t)(i >> 7), i & 127, 1, 1}, 8);
    nodes[i].key[0] = mix32(i);
    nodes[i].key[1] = mix32(~i);
  }
  double *took = malloc(batches * sizeof *took);
  uint32_t position = 0;
  for (uint32_t batch = 0; batch < batches; batch++) {
    position = fill(order, position, count, size);
    double start = now();
    for (int i = 0; i < BATCH; i++) slotAt(i)->reason = (uint8_t)parse(slotAt(i));
    lookup();
    stamp(1 << 7 | 1);
    seal(1 << 7 | 1);
    took[batch] = (now() - start) / BATCH;
    for (int i = 0; i < BATCH; i++) if (slotAt(i)->reason || slotAt(i)->length != size + DESCRIPTOR) return 4;
  }
  qsort(took, batches, sizeof *took, ascending);
  printf("%.2f\n", took[batches / 2]);
  return 0;
}
