import fc from 'fast-check';
import { isFlowgridError } from '../../../../domain/base/errors';
import { parseSubject } from '../../../../interface/cli/subject';
import { formatWhen, parseWhen } from '../../../../interface/cli/when';

const SEED = 20240501;

describe('instants', () => {
  it('read back what they print', () => {
    const when = fc.oneof(
      fc.integer({ min: 0, max: 999_999_999 }).map((seq) => ({ kind: 'seq' as const, seq })),
      fc.integer({ min: 1_000_000_000_000, max: 4_000_000_000_000 }).map((at) => ({ kind: 'time' as const, at })),
      fc.integer({ min: 0, max: 10_000_000_000 }).map((ms) => ({ kind: 'offset' as const, ms })),
    );
    fc.assert(
      fc.property(when, (value) => expect(parseWhen(formatWhen(value))).toEqual(value)),
      { seed: SEED },
    );
  });

  it.each([
    ['0', { kind: 'seq', seq: 0 }],
    ['999999999', { kind: 'seq', seq: 999_999_999 }],
    ['1000000000', { kind: 'time', at: 1_000_000_000_000 }],
    ['12.25', { kind: 'time', at: 12_250 }],
    ['2024-05-01', { kind: 'time', at: Date.UTC(2024, 4, 1) }],
    ['2024-05-01 12:00', { kind: 'time', at: Date.UTC(2024, 4, 1, 12) }],
    ['2024-05-01T12:00:00.5+02:00', { kind: 'time', at: Date.UTC(2024, 4, 1, 10, 0, 0, 500) }],
    ['+90ms', { kind: 'offset', ms: 90 }],
    ['+2m', { kind: 'offset', ms: 120_000 }],
    ['+3', { kind: 'offset', ms: 3_000 }],
  ])('read %s', (text, when) => expect(parseWhen(text)).toEqual(when));

  it('refuse everything else with a remedy, and never anything but a usage error', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          const when = parseWhen(text);
          expect(Number.isFinite(when.kind === 'seq' ? when.seq : when.kind === 'time' ? when.at : when.ms)).toBe(true);
        } catch (error) {
          expect(isFlowgridError(error, 'usage') && error.remedy !== undefined).toBe(true);
        }
      }),
      { seed: SEED },
    );
  });
});

describe('what trace is asked about', () => {
  const tcp = { kind: 'tuple', tuple: { proto: 6, a: '10.0.0.1', aPort: 1234, b: '10.0.0.2', bPort: 80 } };
  it.each([
    [['tcp', '10.0.0.1:1234', '10.0.0.2:80'], tcp],
    [['tcp 10.0.0.1:1234 10.0.0.2:80'], tcp],
    [['TCP', '10.0.0.1:1234', '->', '10.0.0.2:80'], tcp],
    [['6', '10.0.0.1', '1234', '10.0.0.2', '80'], tcp],
    [
      ['udp', '[2001:db8::1]:53', '[2001:db8::2]:4000'],
      { kind: 'tuple', tuple: { proto: 17, a: '2001:db8::1', aPort: 53, b: '2001:db8::2', bPort: 4000 } },
    ],
    [
      ['icmpv6', 'fe80::1', 'fe80::2'],
      { kind: 'tuple', tuple: { proto: 58, a: 'fe80::1', aPort: 0, b: 'fe80::2', bPort: 0 } },
    ],
    [['16777218'], { kind: 'flow', flow: 16777218 }],
    [['dir/my capture.pcap:3'], undefined],
    [['dir/c.pcap:3'], { kind: 'frame', capture: 'dir/c.pcap', frame: 3 }],
  ])('reads %j', (words, subject) => {
    if (subject === undefined) expect(() => parseSubject(words)).toThrow('names no flow');
    else expect(parseSubject(words)).toEqual(subject);
  });

  it.each([[['tcp', '10.0.0.1:99999', '10.0.0.2:80']], [['400', '10.0.0.1', '10.0.0.2']], [['tcp', 'web', 'db']]])(
    'refuses %j',
    (words) => expect(() => parseSubject(words)).toThrow('names no flow, frame or connection'),
  );
});
