import type { Prng } from '../../../../domain/base/prng';

/** Frames as a hostile network might send them: well-formed in most layers, lying in some, cut anywhere. */
export function randomFrame(prng: Prng): Uint8Array {
  if (prng.below(16) === 0) return noise(prng, prng.below(200));
  const bytes = [...macs(prng), ...link(prng)];
  const frame = Uint8Array.from(bytes);
  const mutations = prng.below(3) === 0 ? 1 + prng.below(4) : 0;
  for (let i = 0; i < mutations; i++) frame[12 + prng.below(frame.length - 12)] = prng.below(256);
  return prng.below(4) === 0 ? frame.subarray(0, prng.below(frame.length + 1)) : frame;
}

/** `length` random bytes. */
export function noise(prng: Prng, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => prng.below(256));
}

/** Few addresses, so that both ends are equal at times, and every order occurs. */
function macs(prng: Prng): number[] {
  const mac = (): number[] => [prng.below(2), 0, 0, 0, 0, prng.below(3)];
  return [...mac(), ...mac()];
}

function link(prng: Prng): number[] {
  switch (prng.below(10)) {
    case 0:
      return [...big16([0x8100, 0x88a8, 0x9100][prng.below(3)]), ...big16(prng.below(65536)), ...link(prng)];
    case 1: {
      const labels = Array.from({ length: prng.below(3) }, () => [0, 1, prng.below(128) * 2, 64]).flat();
      return [...big16(0x8847 + prng.below(2)), ...labels, 0, 1, 1, 64, ...network(prng, prng.below(8) ? 4 : 6)];
    }
    case 2: {
      const version = prng.below(2) ? 4 : 6;
      const payload = network(prng, version);
      const protocol = prng.below(5) === 0 ? 0xc021 : version === 4 ? 0x21 : 0x57;
      return [
        0x88,
        0x64,
        0x11,
        prng.below(8) ? 0 : 9,
        0,
        1,
        ...big16(payload.length + 2),
        ...big16(protocol),
        ...payload,
      ];
    }
    case 3:
      return [...big16(40), 0xaa, 0xaa, 3, 0, 0, prng.below(4) ? 0 : 1, 0x08, 0x00, ...network(prng, 4)];
    case 4:
      return [...big16([0x0806, 0x88cc, 30][prng.below(3)]), ...noise(prng, 46)];
    default: {
      const version = prng.below(2) ? 4 : 6;
      return [...big16(version === 4 ? 0x0800 : 0x86dd), ...network(prng, version)];
    }
  }
}

const PROTOCOLS = [6, 6, 17, 1, 58, 132, 33, 136, 47, 50, 89];

function network(prng: Prng, version: number): number[] {
  const proto = PROTOCOLS[prng.below(PROTOCOLS.length)];
  const payload = transport(prng, proto);
  return version === 4 ? ipv4(prng, proto, payload) : ipv6(prng, proto, payload);
}

function ipv4(prng: Prng, proto: number, payload: number[]): number[] {
  const options = prng.below(6) === 0 ? 4 * prng.below(11) : 0;
  const total = prng.below(8) === 0 ? prng.below(100) : 20 + options + payload.length;
  const fragment = prng.below(5) === 0 ? prng.below(65536) : 0x4000;
  const address = (): number[] => [10, 0, prng.below(2), prng.below(4)];
  return [
    ...[0x45 + options / 4, prng.below(256), ...big16(total), ...big16(prng.below(65536)), ...big16(fragment)],
    ...[64, proto, 0, 0, ...address(), ...address()],
    ...Array.from({ length: options }, () => 1),
    ...payload,
  ];
}

function ipv6(prng: Prng, proto: number, payload: number[]): number[] {
  let next = proto;
  let body = payload;
  for (let headers = prng.below(4); headers > 0 && prng.below(2) === 0; headers--) {
    const type = [0, 43, 44, 51, 60][prng.below(5)];
    body = [...extension(prng, type, next), ...body];
    next = type;
  }
  const length = prng.below(8) === 0 ? prng.below(100) : body.length;
  const address = (): number[] => [0x20, 1, 0xd, 0xb8, ...Array.from({ length: 11 }, () => 0), prng.below(3)];
  return [
    0x60 + prng.below(16),
    prng.below(256),
    0,
    0,
    ...big16(length),
    next,
    64,
    ...address(),
    ...address(),
    ...body,
  ];
}

function extension(prng: Prng, type: number, next: number): number[] {
  if (type === 44) return [next, 0, ...big16(prng.below(3) ? 0 : prng.below(65536)), ...noise(prng, 4)];
  const units = prng.below(3);
  const size = type === 51 ? 4 * (units + 2) : 8 * (units + 1);
  return [next, units, ...noise(prng, size - 2)];
}

function transport(prng: Prng, proto: number): number[] {
  const ports = [...big16(prng.below(3)), ...big16(prng.below(3))];
  const data = [...noise(prng, prng.below(80))];
  if (proto === 6) {
    const offset = prng.below(6) === 0 ? prng.below(16) : 5;
    const flags = prng.below(3) === 0 ? prng.below(64) : 16;
    return [...ports, ...noise(prng, 8), offset << 4, flags, ...noise(prng, 6), ...data];
  }
  if (proto === 1 || proto === 58) return [prng.below(14), prng.below(4), ...data];
  return [...ports, ...big16(8 + data.length), 0, 0, ...data];
}

function big16(value: number): number[] {
  return [(value >>> 8) & 0xff, value & 0xff];
}
