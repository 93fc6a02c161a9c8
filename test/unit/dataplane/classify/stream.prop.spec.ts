import fc from 'fast-check';
import { StreamOrder } from '../../../../dataplane/classify/stream';
import { LineCutter } from '../../../../dataplane/classify/protocols/lines';

const text = fc.uint8Array({ minLength: 1, maxLength: 300 });

describe('a stream is put in order', () => {
  it('whatever is cut, sent again, overlapping, or swapped with its neighbours, across the wrap of sequence numbers', () => {
    fc.assert(
      fc.property(
        text,
        fc.array(fc.tuple(fc.nat(299), fc.integer({ min: 1, max: 60 })), { maxLength: 12 }),
        fc.constantFrom(0, 1000, 0xffff_ff80, 0x7fff_ff80),
        (bytes, extra, initial) => {
          const heard: number[] = [];
          const order = new StreamOrder((part, gap) => {
            expect(gap).toBe(false);
            heard.push(...part);
          });
          order.begin(initial);
          const send = (from: number, length: number): void =>
            order.segment((initial + 1 + from) >>> 0, bytes.slice(from, Math.min(bytes.length, from + length)));
          for (const [from, length] of extra) if (from < bytes.length) send(from, length);
          for (let from = 0; from < bytes.length; from += 16) send(from, 16);
          expect(heard).toEqual([...bytes]);
        },
      ),
    );
  });

  it('a hole is passed over when it has been acknowledged, and told', () => {
    const heard: [string, boolean][] = [];
    const order = new StreamOrder((part, gap) => heard.push([String.fromCharCode(...part), gap]));
    const send = (seq: number, letters: string): void => order.segment(seq, Buffer.from(letters));
    order.begin(99);
    send(100, 'abc');
    send(110, 'xyz');
    order.acknowledged(110);
    expect(heard).toEqual([['abc', false]]);
    order.acknowledged(113);
    send(103, 'late');
    send(113, 'end');
    expect(heard.slice(1)).toEqual([
      ['xyz', true],
      ['end', false],
    ]);
  });

  it('what waits is bounded', () => {
    let heard = 0;
    const order = new StreamOrder((part) => (heard += part.length));
    order.begin(0);
    for (let i = 0; i < 100; i++) order.segment(1000 + i * 1000, new Uint8Array(1000));
    expect(heard).toBeGreaterThan(80_000);
  });
});

describe('lines', () => {
  it('are the same however they are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^[ -~]{0,40}$/), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        (lines, sizes) => {
          const bytes = Buffer.from(lines.map((line, i) => line + (i % 2 === 0 ? '\r\n' : '\n')).join(''));
          const cutter = new LineCutter();
          const heard: string[] = [];
          for (let at = 0, i = 0; at < bytes.length; at += sizes[i++ % sizes.length]) {
            cutter.take(bytes.subarray(at, at + sizes[i % sizes.length]), false, (line) => heard.push(line));
          }
          expect(heard).toEqual(lines);
        },
      ),
    );
  });

  it('that are too long are passed over, and the next one is read', () => {
    const heard: string[] = [];
    const cutter = new LineCutter();
    for (let i = 0; i < 50; i++) cutter.take(Buffer.from('x'.repeat(40)), false, (line) => heard.push(line));
    cutter.take(Buffer.from('\r\nnext\r\n'), false, (line) => heard.push(line));
    expect(heard).toEqual(['next']);
  });
});
