import { chainId, clusterOf, nodeOf, nodeRef, type NodeRef } from '../../../../domain/base/ids';
import { FlowsProjection, pinnedAt, routeAt } from '../../../../projections/flows';
import { D_WIRE_ID } from '../../../../dataplane/frames/layout';
import { drop, FORWARD, type FunctionDefinition } from '../../../../dataplane/functions/function';
import { tallyIn } from './frames';
import { HELD } from './detour-grid';
import { AB, AC, AD, IA, IB, ModeGrid, type Modes } from './mode-grid';

const THROUGH: Modes = ['through', 'through', 'through'];
const PORT = 5000;

/** A function that refuses what it has not seen begin, and counts what it sees. */
const strict: FunctionDefinition = {
  name: 'strict',
  summary: 'refuses flows whose beginning it has not seen',
  create: () => {
    const known = new Set<number>();
    return {
      stateKind: 'per-flow',
      reads: 'nothing',
      dropReasons: ['not-begun'],
      process(_frame, flow) {
        if (flow.start && !flow.reverse) known.add(flow.id);
        return known.has(flow.id) ? FORWARD : drop(0);
      },
      exportFlow: (flow) => Uint8Array.of(known.has(flow) ? 1 : 0),
      importFlow: (flow, state) => void (state[0] === 1 && known.add(flow)),
      flowEnded: (flow) => void known.delete(flow),
    };
  },
};

/** One flow whose clusters' modes were switched while it lived. */
function switched(run: ModeGrid, ...steps: readonly Modes[]): void {
  run.exchange(PORT);
  for (const modes of steps) {
    run.switchTo(modes);
    run.grid.beats(3);
  }
}

/** The node of a cluster that has the one flow. */
function primaryIn(run: ModeGrid, cluster: number): NodeRef {
  return run.refs.find((ref) => clusterOf(ref) === cluster && run.grid.group(ref).statistics(ref).flowsPrimary > 0)!;
}

function told(run: ModeGrid) {
  const flows = new FlowsProjection();
  for (const [ref, events] of run.grid.events) for (const each of events) flows.apply(chainId(ref, 1), each);
  const [record] = [...flows.records()];
  return {
    route: routeAt(record, Infinity).map(({ node }) => clusterOf(node)),
    wireId: pinnedAt(record, Infinity).wireId,
  };
}

describe('a mode is switched for a flow that lives', () => {
  test.each([
    ['bypass', [IA, AB, AD, IB], ['1>2', '2>4', '4>5', '5>4', '4>2', '2>1'], []],
    ['copy', [IA, AB, AC, AD, IB], ['1>2', '2>4', '4>5', '5>4', '4>2', '2>1'], ['2>3', '4>3']],
  ] as const)('FG-340 FG-341: to %s, both ways, and the log tells it', (mode, route, originals, copies) => {
    const run = new ModeGrid(THROUGH);
    switched(run, ['through', mode, 'through']);
    expect(run.hops(PORT)).toEqual({ originals, copies });
    expect(told(run)).toEqual({ route, wireId: 2 });
    run.expectWhole();
    expect(run.verdicts()).toMatchObject(HELD);
    // Nobody remembers what left the way.
    expect(run.grid.group(nodeRef(AC, 1)).statistics(nodeRef(AC, 1)).flowsPrimary).toBeLessThanOrEqual(
      mode === 'copy' ? 1 : 0,
    );
  });

  test.each([
    [
      ['bypass', 'through', 'through'],
      [IA, AC, AD, IB],
    ],
    [
      ['through', 'through', 'bypass'],
      [IA, AB, AC, IB],
    ],
    [
      ['bypass', 'bypass', 'bypass'],
      [IA, IB],
    ],
  ] as const)('FG-340: beside its INODEs, and of all clusters at once (%p)', (modes, route) => {
    const run = new ModeGrid(THROUGH);
    switched(run, modes);
    expect(told(run).route).toEqual(route);
    run.exchange(PORT);
    run.expectWhole();
    switched(run, THROUGH);
    expect(told(run)).toEqual({ route: [IA, AB, AC, AD, IB], wireId: 3 });
    run.expectWhole();
    expect(run.verdicts()).toMatchObject(HELD);
  });

  test('FG-342: in mode drop its frames end where they enter, both ways, until it gets another', () => {
    const run = new ModeGrid(THROUGH, { inodes: 2 });
    switched(run, ['through', 'drop', 'through']);
    run.exchange(PORT);
    run.exchange(PORT);
    expect(run.grid.dropped('cluster-drop')).toBe(4);
    expect([run.arrived(PORT, 4), run.arrived(PORT, 1)]).toEqual([[1], [1]]);
    run.switchTo(THROUGH);
    run.grid.beats(3);
    run.exchange(PORT);
    expect([run.arrived(PORT, 4), run.arrived(PORT, 1)]).toEqual([
      [1, 4],
      [1, 4],
    ]);
    expect(run.verdicts()).toMatchObject(HELD);
  });

  test('FG-342: an INODE that takes a dropped flow over drops it too', () => {
    const run = new ModeGrid(THROUGH, { inodes: 2 });
    switched(run, ['through', 'drop', 'through']);
    const owner = [1, 2]
      .map((id) => nodeRef(IA, id))
      .find((ref) => run.grid.group(ref).statistics(ref).flowsPrimary > 0);
    run.kill(owner!);
    run.grid.beats(6);
    run.exchange(PORT);
    expect(run.grid.dropped('cluster-drop')).toBe(2);
    expect(run.arrived(PORT, 4)).toEqual([1]);
  });

  test('FG-343: a function that refuses what it has not seen begin refuses a flow put back to it, unless it got copies', () => {
    const run = new ModeGrid(['through', 'bypass', 'copy'], { function: 'strict', functions: [strict] });
    switched(run, ['through', 'bypass', 'through']);
    run.exchange(PORT);
    run.expectWhole();
    run.switchTo(THROUGH);
    run.grid.beats(3);
    run.exchange(PORT);
    expect([run.arrived(PORT, 4), run.arrived(PORT, 1)]).toEqual([
      [1, 2],
      [1, 2],
    ]);
    expect(run.grid.dropped('not-begun')).toBe(2);
  });

  test('FG-343: a cluster put in line is backed up from then on', () => {
    const run = new ModeGrid(['through', 'copy', 'through'], { failure: 'backup', function: 'tally' });
    switched(run, THROUGH);
    run.grid.beats(8);
    run.exchange(PORT);
    const primary = run.refs.find(
      (ref) => clusterOf(ref) === AC && run.grid.group(ref).statistics(ref).flowsPrimary === 1,
    );
    run.kill(primary!);
    run.exchange(PORT);
    run.grid.beats(8);
    run.exchange(PORT);
    run.expectWhole();
    // What AC numbers last, it has numbered from the copies on.
    const last = run.grid.left.filter(({ network }) => network === 4).at(-1)!;
    expect(tallyIn(last.bytes)).toBe(4);
    expect(nodeOf(primary!)).not.toBe(0);
  });

  test('FG-340: a flow that ends while its frames wait ends behind them', () => {
    const run = new ModeGrid(THROUGH);
    const { grid } = run;
    const entrance = grid.group(nodeRef(IA, 1));
    run.exchange(PORT);
    run.switchTo(['through', 'bypass', 'through']);
    grid.now += grid.topology.timing.helloMs * 1000;
    entrance.tick(grid.now);
    run.send(PORT, 4);
    entrance.run(grid.now);
    entrance.endFlows(grid.now);
    expect(entrance.statistics(nodeRef(IA, 1))).toMatchObject({ inFlight: 1, flowsEnded: 0 });
    grid.settle();
    run.expectWhole();
    const events = grid.allEvents().map(({ type }) => type);
    expect(events.indexOf('FlowEnded')).toBeGreaterThan(events.indexOf('FlowRepinned'));
    expect(grid.total(({ inFlight, flowsPrimary }) => inFlight + flowsPrimary)).toBe(0);
  });

  test('FG-450: an heir that no frame has come to passes the change on, so that both ends take the new modes', () => {
    const run = new ModeGrid(THROUGH);
    run.exchange(PORT);
    run.kill(primaryIn(run, AC));
    run.grid.beats(6);
    run.switchTo(['bypass', 'through', 'through']);
    run.grid.beats(4);
    expect(told(run)).toEqual({ route: [IA, AC, AD, IB], wireId: 2 });
    run.send(PORT, 1);
    run.grid.settle();
    expect(run.hops(PORT).originals).toEqual(['1>3', '3>4', '4>5', '5>4', '4>3', '3>1']);
    run.expectWhole();
    expect(run.verdicts()).toMatchObject(HELD);
  });

  test('FG-450: so it does where the flow gets another ID alone, and no mode', () => {
    const run = new ModeGrid(THROUGH);
    run.exchange(PORT);
    run.kill(primaryIn(run, AC));
    run.grid.beats(6);
    run.switchTo(THROUGH);
    run.grid.beats(4);
    run.exchange(PORT);
    const wires = run.grid.taps.filter(({ kind }) => kind === 'sent').slice(-8);
    expect(new Set(wires.map(({ bytes }) => bytes[bytes.length - bytes[bytes.length - 1] + D_WIRE_ID]))).toEqual(
      new Set([2]),
    );
    run.expectWhole();
  });

  test('FG-451: copies fall to the next member where flows would end, both ways, and the log tells it', () => {
    const run = new ModeGrid(['through', 'copy', 'copy'], { failure: 'discard' });
    run.exchange(PORT);
    const before = run.hops(PORT);
    const dead = primaryIn(run, AD);
    run.kill(dead);
    run.grid.beats(6);
    const from = run.grid.taps.length;
    expect(run.hops(PORT)).toEqual(before);
    const met = run.grid.taps.slice(from).filter(({ kind, to }) => kind === 'sent' && clusterOf(to) === AD);
    const taker = new Set(met.map(({ to }) => to));
    expect([taker.size, taker.has(dead)]).toEqual([1, false]);
    const moves = run.grid.allEvents().filter((event) => event.type === 'FlowRerouted');
    expect(new Set(moves.map(({ from: left, to }) => `${left} ${to}`))).toEqual(new Set([`${dead} ${[...taker][0]}`]));
  });

  test.each([AB, AC, AD, IB])('FG-344: a death on the way in cluster %i holds nobody up', (victim) => {
    for (let seed = 1; seed <= 12; seed++) {
      const run = new ModeGrid(THROUGH, { seed, inodes: 2, failure: 'backup' });
      for (const port of [5000, 5001, 5002]) run.exchange(port);
      run.switchTo(['through', 'bypass', 'copy']);
      run.grid.now += run.grid.topology.timing.helloMs * 1000;
      for (const ref of run.refs) run.grid.group(ref).tick(run.grid.now);
      for (let n = run.below(40); n > 0; n--) {
        const ref = run.refs[run.below(run.refs.length)];
        run.grid.group(ref).run(run.grid.now);
      }
      const dead = run.refs.find(
        (ref) => clusterOf(ref) === victim && run.grid.group(ref).statistics(ref).flowsPrimary > 0,
      );
      run.kill(dead!);
      run.grid.settle();
      run.grid.beats(30);
      const fresh = run.hops(6000);
      for (const port of [5000, 5001, 5002]) expect([seed, run.hops(port)]).toEqual([seed, fresh]);
      expect([seed, run.wires()]).toEqual([seed, [2]]);
      run.grid.beats(8);
      expect(run.grid.total(({ inFlight }) => inFlight)).toBe(0);
    }
  });
});
