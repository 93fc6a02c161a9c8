import fc from 'fast-check';
import { AhoCorasick } from '../../../../dataplane/functions/aho-corasick';
import { packet } from './packets';
import { Rig } from './rig';

/** A stream cut at random places, with bytes sent again in other cuts, and reordering within a few segments. */
function segments(stream: Uint8Array): fc.Arbitrary<{ seq: number; bytes: Uint8Array }[]> {
  return fc
    .record({
      cuts: fc.array(fc.integer({ min: 1, max: Math.max(1, stream.length - 1) }), { maxLength: 8 }),
      swaps: fc.array(fc.nat(20), { maxLength: 4 }),
      repeats: fc.array(fc.tuple(fc.nat(20), fc.nat(200), fc.integer({ min: 1, max: 60 })), { maxLength: 4 }),
    })
    .map(({ cuts, swaps, repeats }) => {
      const places = [...new Set([0, ...cuts, stream.length])].sort((a, b) => a - b);
      const parts = places.slice(1).map((end, i) => ({ seq: 1000 + places[i], bytes: stream.slice(places[i], end) }));
      for (const [place, at, length] of repeats) {
        const from = at % stream.length;
        // Bytes sent again, cut in another way than before.
        parts.splice(place % (parts.length + 1), 0, { seq: 1000 + from, bytes: stream.slice(from, from + length) });
      }
      for (const place of swaps) {
        const i = place % parts.length;
        const j = Math.min(i + 1, parts.length - 1);
        [parts[i], parts[j]] = [parts[j], parts[i]];
      }
      return parts;
    });
}

/** Sends a SYN and the segments; returns what became of each. */
function send(rig: Rig, parts: readonly { seq: number; bytes: Uint8Array }[]): string[] {
  const tcp = { from: '10.0.0.1', to: '192.0.2.80' };
  rig.run({ bytes: packet({ ...tcp, flags: 'S', seq: 999 }) });
  return parts.map(({ seq, bytes }) => rig.run({ bytes: packet({ ...tcp, flags: 'PA', seq, payload: bytes }) }).reason);
}

/** A ClientHello for `name`, in two records. */
function clientHello(name: string): Uint8Array {
  const sni = Buffer.from(name, 'latin1');
  const u16 = (n: number): number[] => [n >>> 8, n & 255];
  const entry = [0, ...u16(sni.length), ...sni];
  const extension = [0, 0, ...u16(entry.length + 2), ...u16(entry.length), ...entry];
  const other = [0xff, 1, 0, 1, 0];
  const extensions = [...other, ...extension];
  const body = [
    3,
    3,
    ...Array<number>(32).fill(7),
    0,
    ...u16(2),
    0x13,
    1,
    1,
    0,
    ...u16(extensions.length),
    ...extensions,
  ];
  const handshake = [1, 0, ...u16(body.length), ...body];
  const half = handshake.length >> 1;
  const record = (bytes: number[]): number[] => [22, 3, 1, ...u16(bytes.length), ...bytes];
  return Uint8Array.from([...record(handshake.slice(0, half)), ...record(handshake.slice(half))]);
}

const latin = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

describe('host-filter', () => {
  const SPEC = { name: 'host-filter', config: { hosts: ['bad.example.net', '*.evil.example'] } };
  const refused = [
    latin('GET / HTTP/1.1\r\nUser-Agent: x\r\nHost: BAD.example.net:80\r\n\r\n'),
    latin(
      'GET / HTTP/1.1\r\nHost: ok.example\r\n\r\nPOST /a HTTP/1.1\r\nHost: ok.example\r\nContent-Length: 9\r\n\r\n123456789GET / HTTP/1.1\r\nhost: a.evil.example\r\n\r\n',
    ),
    clientHello('www.evil.example'),
  ];
  const allowed = [
    latin('GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n'),
    latin(
      'POST / HTTP/1.1\r\nContent-Length: 39\r\nHost: ok.example\r\n\r\nGET / HTTP/1.1\r\nHost: bad.example.net\r\n\r\n'.slice(
        0,
        -4,
      ) + '....',
    ),
    clientHello('bad.example.network'),
    latin('SSH-2.0-something\r\n'),
  ];

  test.each(refused.map((stream, i) => [i, stream] as const))(
    'FG-124: refused stream %i never arrives whole',
    (_, stream) => {
      fc.assert(
        fc.property(segments(stream), (parts) => {
          const rig = new Rig(SPEC);
          const verdicts = send(rig, parts);
          const arrived = new Set<number>();
          parts.forEach(({ seq, bytes }, i) => {
            if (verdicts[i] === 'none') bytes.forEach((_byte, j) => arrived.add(seq + j));
          });
          expect(arrived.size).toBeLessThan(stream.length);
          expect(verdicts.at(-1)).toBe('host-blocked');
        }),
        { numRuns: 40 },
      );
    },
  );

  test.each(allowed.map((stream, i) => [i, stream] as const))(
    'FG-124: allowed stream %i passes unchanged',
    (_, stream) => {
      fc.assert(
        fc.property(segments(stream), (parts) => {
          expect(send(new Rig(SPEC), parts)).toEqual(parts.map(() => 'none'));
        }),
        { numRuns: 30 },
      );
    },
  );

  test('FG-124: as a list of what is allowed, it refuses the rest and, if told so, what has no name', () => {
    const config = { mode: 'allow', hosts: ['*.example.org'], unnamed: 'drop' };
    const verdict = (text: string): string | undefined =>
      send(new Rig({ name: 'host-filter', config }), [{ seq: 1000, bytes: latin(text) }])[0];
    expect(verdict('GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n')).toBe('none');
    expect(verdict('GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n')).toBe('host-blocked');
    expect(verdict('GET / HTTP/1.0\r\n\r\n')).toBe('host-unnamed');
    expect(verdict('\x00\x01\x02')).toBe('host-unnamed');
  });
});

describe('ids', () => {
  const letters = fc.uint8Array({ minLength: 1, maxLength: 4, max: 2 }).map((bytes) => bytes.map((byte) => byte + 97));

  test('FG-125: the automaton finds what a naive search finds, wherever the input is cut', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(letters, { selector: String, maxLength: 6 }),
        fc.uint8Array({ max: 2, maxLength: 60 }),
        fc.nat(60),
        (patterns, raw, cut) => {
          const text = raw.map((byte) => byte + 97);
          const automaton = new AhoCorasick(patterns);
          const same = Uint8Array.from({ length: 256 }, (_, byte) => byte);
          const hits: string[] = [];
          const found = (pattern: number, end: number): void => void hits.push(`${pattern}@${end}`);
          const at = Math.min(cut, text.length);
          const state = automaton.scan(0, text, 0, at, same, found);
          automaton.scan(state, text, at, text.length - at, same, found);
          const naive = patterns.flatMap((pattern, p) =>
            [...text.keys()]
              .map((i) => i + 1)
              .filter(
                (end) => end >= pattern.length && pattern.every((byte, k) => text[end - pattern.length + k] === byte),
              )
              .map((end) => `${p}@${end}`),
          );
          expect(hits.sort()).toEqual(naive.sort());
        },
      ),
      { numRuns: 200 },
    );
  });

  test('FG-125: a signature is found over segments in any order, and its frame and all later ones are dropped', () => {
    const stream = latin('nothing here, then xXEVILxX and then some more');
    const config = { signatures: [{ name: 'evil', content: 'evil', anyCase: true, action: 'drop' }] };
    fc.assert(
      fc.property(segments(stream), (parts) => {
        const rig = new Rig({ name: 'ids', config });
        const verdicts = send(rig, parts);
        expect(verdicts.at(-1)).toBe('ids-signature');
        const first = verdicts.indexOf('ids-signature');
        expect(verdicts.slice(first).every((verdict) => verdict === 'ids-signature')).toBe(true);
        expect(rig.reports).toHaveLength(1);
      }),
      { numRuns: 60 },
    );
  });

  test('FG-125: alerts let frames pass; hex, ports and protocols are honoured; datagrams are not joined', () => {
    const signatures = [
      { name: 'shell', hex: '90 90 eb', proto: ['udp'], ports: ['1000-2000'] },
      { name: 'split', content: 'abcd' },
    ];
    const rig = new Rig({ name: 'ids', config: { signatures } });
    const udp = { proto: 'udp' as const, from: '10.0.0.1', to: '192.0.2.80' };
    const payload = Uint8Array.from([1, 0x90, 0x90, 0xeb]);
    expect(rig.run({ bytes: packet({ ...udp, port: 999, payload }) }).reason).toBe('none');
    expect(rig.reports).toEqual([]);
    expect(rig.run({ bytes: packet({ ...udp, port: 1500, payload }) }).reason).toBe('none');
    expect(rig.reports).toEqual([expect.stringContaining('ids-alert: shell')]);
    rig.run({ bytes: packet({ ...udp, port: 1500, payload: 'ab' }) });
    rig.run({ bytes: packet({ ...udp, port: 1500, payload: 'cd' }) });
    expect(rig.reports).toHaveLength(1);
  });
});
