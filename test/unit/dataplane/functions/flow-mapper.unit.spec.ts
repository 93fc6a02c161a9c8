import { FlowMapper, tupleText, type MapperFrame } from '../../../../dataplane/functions/flow-mapper';
import { packet, type PacketText } from './packets';

const BASE: PacketText = { from: '10.0.0.1', to: '192.0.2.80', payload: 'hello' };

function frame(text: Partial<PacketText> = {}): MapperFrame {
  const bytes = packet({ ...BASE, ...text });
  return { bytes, l4: 34, end: bytes.length, ip: 4, proto: bytes[23], source: 26, destination: 30 };
}

const mapped = (flow: number): { flow: number; reverse: number } => ({ flow, reverse: 0 });
const OPTIONS = { capacity: 4, tuples: 100, secondary: false };

describe('flow mapper', () => {
  test('FG-127: what comes out unchanged from layer 4 on is found by its bytes, once', () => {
    const mapper = new FlowMapper(OPTIONS);
    mapper.enter(frame(), mapped(1));
    expect(mapper.leave(frame())).toMatchObject({ match: 'bytes', mapped: { flow: 1 } });
    expect(mapper.size).toBe(0);
    expect(mapper.leave(frame())).toMatchObject({ match: 'tuple', mapped: { flow: 1 }, answer: false });
  });

  test('FG-127: of equal segments the one with the same ends is meant, else the oldest', () => {
    const mapper = new FlowMapper(OPTIONS);
    const udp = { proto: 'udp' as const, payload: '' };
    const strip = (text: Partial<PacketText>): MapperFrame => {
      const each = frame({ ...udp, ...text });
      each.bytes.fill(0, 40, 42);
      return each;
    };
    mapper.enter(strip({ from: '10.0.0.1' }), mapped(1));
    mapper.enter(strip({ from: '10.0.0.2' }), mapped(2));
    expect(mapper.leave(strip({ from: '10.0.0.2' })).mapped?.flow).toBe(2);
    mapper.enter(strip({ from: '10.0.0.3' }), mapped(3));
    expect(mapper.leave(strip({ from: '10.9.9.9' })).mapped?.flow).toBe(1);
  });

  test('FG-127: an answer is matched by the swapped 5-tuple', () => {
    const mapper = new FlowMapper(OPTIONS);
    mapper.enter(frame({ sourcePort: 1000, port: 80 }), mapped(1));
    const answer = frame({ from: BASE.to, to: BASE.from, sourcePort: 80, port: 1000, payload: 'no' });
    expect(mapper.leave(answer)).toMatchObject({ match: 'tuple', mapped: { flow: 1 }, answer: true });
  });

  test('FG-127: a declared translation is matched in both directions until it is withdrawn', () => {
    const mapper = new FlowMapper(OPTIONS);
    mapper.enter(frame({ sourcePort: 1000 }), mapped(1));
    const translation = {
      inner: tupleText(6, '0a000001', 1000, 'c0000250', 80),
      outer: tupleText(6, 'c6336401', 6000, 'c0000250', 80),
    };
    mapper.declare(translation);
    const outer = frame({ from: '198.51.100.1', sourcePort: 6000 });
    const back = frame({ from: BASE.to, to: '198.51.100.1', sourcePort: 80, port: 6000 });
    expect(mapper.leave(outer)).toMatchObject({ match: 'translation', mapped: { flow: 1 }, answer: false });
    expect(mapper.leave(back)).toMatchObject({ match: 'translation', mapped: { flow: 1 }, answer: true });
    mapper.withdraw(translation);
    expect(mapper.leave(outer)).toEqual({ match: 'unmatched' });
  });

  test('FG-129: what nobody sent in is secondary or unmatched', () => {
    expect(new FlowMapper({ ...OPTIONS, secondary: true }).leave(frame()).match).toBe('secondary');
    expect(new FlowMapper(OPTIONS).leave(frame()).match).toBe('unmatched');
  });

  test('FG-320: once a 5-tuple is bound to the flow that it opened, its frames and answers are found, until the flow ends', () => {
    const mapper = new FlowMapper({ ...OPTIONS, secondary: true });
    const { tuple } = mapper.leave(frame());
    mapper.bind(tuple!, mapped(9));
    expect(mapper.leave(frame())).toMatchObject({ match: 'tuple', mapped: { flow: 9, reverse: 0 }, answer: false });
    mapper.flowEnded(9);
    expect(mapper.leave(frame())).toEqual({ match: 'secondary', tuple });
  });

  test('FG-128: the table is bounded; the oldest frame makes room, a forgotten or ended one is gone', () => {
    const mapper = new FlowMapper(OPTIONS);
    const tickets = [1, 2, 3, 4, 5].map((flow) => mapper.enter(frame({ payload: `p${flow}` }), mapped(flow)));
    expect(mapper.size).toBe(4);
    expect(mapper.evicted).toBe(1);
    mapper.forget(tickets[1]);
    expect(mapper.size).toBe(3);
    expect(mapper.leave(frame({ payload: 'p2' })).match).toBe('tuple');
    mapper.flowEnded(5);
    expect(mapper.size).toBe(2);
    expect(mapper.leave(frame({ payload: 'p5' })).match).toBe('unmatched');
  });

  test('FG-128: the tuples of the longest unused flows make room', () => {
    const mapper = new FlowMapper({ ...OPTIONS, tuples: 2 });
    for (const port of [1, 2, 3]) mapper.forget(mapper.enter(frame({ sourcePort: port }), mapped(port)));
    expect(mapper.leave(frame({ sourcePort: 1 })).match).toBe('unmatched');
    expect(mapper.leave(frame({ sourcePort: 3 })).match).toBe('tuple');
  });

  test('FG-127: a flow that this node does not carry matches nothing', () => {
    const mapper = new FlowMapper({ ...OPTIONS, carries: (flow) => flow !== 1 });
    mapper.enter(frame(), mapped(1));
    expect(mapper.leave(frame()).match).toBe('unmatched');
    mapper.enter(frame(), mapped(2));
    expect(mapper.leave(frame())).toMatchObject({ match: 'bytes', mapped: { flow: 2 } });
  });

  test('FG-128: the end of a flow leaves the tuple to the flow that has taken it over', () => {
    const mapper = new FlowMapper(OPTIONS);
    for (const flow of [1, 2]) mapper.forget(mapper.enter(frame(), mapped(flow)));
    mapper.flowEnded(1);
    expect(mapper.leave(frame())).toMatchObject({ match: 'tuple', mapped: { flow: 2 } });
  });

  test('FG-128: translations are bounded; the oldest makes room', () => {
    const mapper = new FlowMapper({ ...OPTIONS, tuples: 1 });
    mapper.forget(mapper.enter(frame({ sourcePort: 1000 }), mapped(1)));
    const inner = tupleText(6, '0a000001', 1000, 'c0000250', 80);
    for (const port of [6000, 6001]) mapper.declare({ inner, outer: tupleText(6, 'c6336401', port, 'c0000250', 80) });
    const outer = (sourcePort: number): MapperFrame => frame({ from: '198.51.100.1', sourcePort });
    expect([6000, 6001].map((port) => mapper.leave(outer(port)).match)).toEqual(['unmatched', 'translation']);
  });
});
