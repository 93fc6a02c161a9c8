import { INVARIANTS, anyBroken, createChecker } from '../../../../projections/verdicts';
import {
  AB1,
  AB2,
  AB3,
  AC1,
  AC2,
  clusterWith,
  CREATED_FRAME,
  FLOW,
  IA1,
  IC1,
  noFigures,
  payloadOf,
  REEMITTED,
  topologyOf,
  World,
  type Journey,
} from './world';

const TAKEN_OVER: Journey = { route: [IA1, AB3, AC1, IC1], shadows: { 2: AB1 } };

/** Frames both ways, nothing wrong. */
function untroubled(frames = 5): World {
  const world = new World();
  world.started();
  for (let i = 0; i < frames; i++) {
    world.pass();
    world.pass({ isReverse: true });
  }
  return world;
}

/**
 * AB-2 dies with one frame on its way to it and one that it had emitted; AB-3 emits both again, then carries on.
 * `skip`: something that goes wrong.
 */
function takeover(skip: { event?: boolean; emission?: boolean; flag?: boolean } = {}): World {
  const world = new World();
  world.started();
  world.pass();
  const emitted = world.pass({ sequence: 2 });
  const waiting = world.enter();
  world.hop({ sequence: 3 }, waiting, 0);
  world.lose({ sequence: 3 }, waiting, 0);
  world.fail(AB2);
  const flags = skip.flag === true ? 0 : REEMITTED;
  const again: Journey = { ...TAKEN_OVER, flags };
  world.send({ ...again, sequence: 2 }, emitted, 1, AC1);
  if (skip.emission !== true) {
    world.send({ ...again, sequence: 3 }, waiting, 1, AC1);
    world.hop({ ...TAKEN_OVER, sequence: 3 }, waiting, 2);
    world.leave(waiting, TAKEN_OVER);
  }
  world.pass({ ...TAKEN_OVER, sequence: 4 });
  world.pass({ isReverse: true, route: [IC1, AC1, AB3, IA1], shadows: { 2: AB1 } });
  if (skip.event !== true) world.takenOver(AB2, AB3);
  return world;
}

describe('verdicts', () => {
  it('say "not observed" of everything when nothing was', () => {
    const verdicts = createChecker().verdicts();
    for (const name of INVARIANTS) expect(verdicts[name]).toBe('not observed');
    expect(anyBroken(verdicts)).toBe(false);
  });

  it('hold for untroubled traffic both ways', () => {
    const verdicts = untroubled().verdicts({
      replay: { seq: 1, live: 'a', rebuilt: 'a' },
      durability: { acknowledged: [{ commandId: 'c', seq: 1 }], logged: new Map([['c', 1]]) },
    });
    for (const name of INVARIANTS) expect([name, verdicts[name]]).toEqual([name, 'held']);
  });

  it('hold over a takeover in which the backup emits what the dead node had not', () => {
    const verdicts = takeover().verdicts({ nodes: undefined });
    for (const name of ['affinity', 'pinnedTopology', 'oneEmitter', 'isolation', 'transparency'] as const) {
      expect([name, verdicts[name]]).toEqual([name, 'held']);
    }
  });

  it('count the violations after the first', () => {
    const world = untroubled();
    world.pass({ flow: 0x02000001, route: [IA1, AB1, AC1, IC1], wireId: 1 });
    for (const node of [AB2, AB3]) world.pass({ flow: 0x02000001, route: [IA1, node, AC1, IC1], shadows: {} });
    expect(world.verdicts().affinity).toMatch(
      /^broken: flow 0x02000001: frame 11 met AB-2 instead of AB-1 \(and \d+ more\)$/,
    );
  });
});

describe('affinity', () => {
  it('is broken by a frame that meets another node while its node is active and no event says so', () => {
    const world = untroubled();
    world.pass({ route: [IA1, AB1, AC1, IC1] });
    expect(world.verdicts().affinity).toMatch(/^broken: flow 0x01abcdef: frame 10 met AB-1 instead of AB-2/);
  });

  it('is broken by a reverse frame that meets another node than the forward ones', () => {
    const world = untroubled();
    world.pass({ isReverse: true, route: [IC1, AC2, AB2, IA1] });
    expect(world.verdicts().affinity).toMatch(/^broken: flow 0x01abcdef: frame 10 met AC-2 instead of AC-1/);
  });

  it('waits for an event that comes after the frames, and is broken if none has come when the flow is forgotten', () => {
    const world = untroubled();
    world.pass(TAKEN_OVER);
    expect(world.verdicts({ isFinal: false }).affinity).toBe('held');
    world.takenOver(AB2, AB3);
    world.note({
      type: 'FlowEnded',
      at: world.at,
      flow: FLOW,
      topologySeq: 1,
      end: 'fin',
      packets: [1, 1],
      bytes: [1, 1],
    });
    world.at += 20_000_000;
    world.pass({ flow: 0x02000001 });
    expect(world.checker.figures().liveFlows).toBe(1);
    expect(world.verdicts({ isFinal: false }).affinity).toBe('held');

    const mute = untroubled();
    mute.pass(TAKEN_OVER);
    mute.note({
      type: 'FlowEnded',
      at: mute.at,
      flow: FLOW,
      topologySeq: 1,
      end: 'fin',
      packets: [1, 1],
      bytes: [1, 1],
    });
    mute.at += 20_000_000;
    mute.pass({ flow: 0x02000001 });
    expect(mute.verdicts({ isFinal: false }).affinity).toMatch(/^broken/);
  });

  it('is broken by a frame that goes back to a node which the flow had left', () => {
    const world = untroubled();
    world.takenOver(AB2, AB3);
    world.pass(TAKEN_OVER);
    world.pass();
    expect(world.verdicts().affinity).toMatch(/^broken: flow 0x01abcdef: frame 11 met AB-2 instead of AB-3/);
  });

  it('allows a node that failed to be left without an event that names the flow', () => {
    const world = untroubled();
    world.fail(AC1);
    world.pass({ route: [IA1, AB2, AC2, IC1] });
    expect(world.verdicts().affinity).toBe('held');
  });
});

describe('pinned topology', () => {
  it('is broken by a change of the topology ID without an event', () => {
    const world = untroubled();
    world.publish(topologyOf({ version: 2, wireId: 2 }));
    world.pass({ wireId: 2 });
    expect(world.verdicts().pinnedTopology).toMatch(
      /^broken: flow 0x01abcdef: frame 10 carries topology ID 2 instead of 1/,
    );
  });

  it('holds when the flow was re-pinned, whenever the event comes', () => {
    const world = untroubled();
    world.pass({ wireId: 2 });
    world.note({ type: 'FlowRepinned', at: world.at, flow: FLOW, topologySeq: 2, fromWireId: 1, toWireId: 2 });
    world.pass({ wireId: 2, isReverse: true });
    expect(world.verdicts().pinnedTopology).toBe('held');
  });

  it('lets what is emitted again carry the ID that the flow had when it was held, and no other', () => {
    const world = untroubled();
    world.pass({ wireId: 2 });
    world.note({ type: 'FlowRepinned', at: world.at, flow: FLOW, topologySeq: 2, fromWireId: 1, toWireId: 2 });
    world.pass({ wireId: 1, flags: REEMITTED });
    expect(world.verdicts().pinnedTopology).toBe('held');
    world.pass({ wireId: 3, flags: REEMITTED });
    expect(world.verdicts().pinnedTopology).toMatch(/carries topology ID 3 instead of/);
  });

  it('is broken by frames under another topology than the one in which the log says the flow started', () => {
    const world = new World();
    world.pass();
    world.started({ wireId: 7 });
    expect(world.verdicts().pinnedTopology).toMatch(/started under topology ID 7, its frames carried 1/);
  });
});

describe('one emitter', () => {
  it('is broken by a sequence that is sent on twice', () => {
    const world = untroubled();
    const frameNo = world.enter();
    world.hop({ sequence: 6 }, frameNo, 0);
    world.hop({ sequence: 6 }, frameNo, 1);
    world.hop({ sequence: 6 }, frameNo, 1);
    expect(world.verdicts().oneEmitter).toMatch(
      /^broken: flow 0x01abcdef: frame 10: sequence 6 was sent twice by AB-2/,
    );
  });

  it('is broken by a re-emission that is not marked as one', () => {
    expect(takeover({ flag: true }).verdicts({ nodes: undefined }).oneEmitter).toMatch(
      /sequence 2 was sent twice by AB-3/,
    );
  });

  it('is broken by a re-emission where nothing was taken over', () => {
    expect(takeover({ event: true }).verdicts({ nodes: undefined }).oneEmitter).toMatch(
      /marked as re-emitted by AB-3, which took nothing over/,
    );
  });

  it('is broken by a frame lost with its node that the backup does not emit', () => {
    expect(takeover({ emission: true }).verdicts({ nodes: undefined }).oneEmitter).toMatch(
      /^broken: flow 0x01abcdef: frame 2 was lost with a node of AB and its backup did not emit it/,
    );
  });

  it('promises nothing where the flow had no backup', () => {
    const world = new World();
    world.started({ backups: [0, 0, 0, 0] });
    world.pass();
    const frameNo = world.enter();
    world.hop({ sequence: 2, shadows: {} }, frameNo, 0);
    world.lose({ sequence: 2 }, frameNo, 0);
    expect(world.verdicts({ nodes: undefined }).oneEmitter).toBe('held');
  });

  it('is broken when the next stage accepts what a fenced node sent', () => {
    const world = untroubled();
    world.takenOver(AB2, AB3);
    world.pass({ ...TAKEN_OVER, sequence: 6 });
    const frameNo = world.enter();
    world.hop({ ...TAKEN_OVER, sequence: 7 }, frameNo, 0);
    world.send({ sequence: 7 }, frameNo, 1, AC1);
    expect(world.verdicts({ isFinal: false }).oneEmitter).toBe('held');
    world.hop({ ...TAKEN_OVER, sequence: 7 }, frameNo, 2);
    expect(world.verdicts({ nodes: undefined }).oneEmitter).toMatch(/AC-1 accepted sequence 7 from fenced AB-2/);
  });

  it('FG-361: holds when a replaced node has its place back, and the event of that comes after its frames', () => {
    const world = untroubled();
    world.takenOver(AB2, AB3);
    world.pass({ ...TAKEN_OVER, sequence: 6 });
    world.pass({ sequence: 7 });
    const unsent = world.enter();
    world.hop({ sequence: 8 }, unsent, 0);
    world.send({ sequence: 8 }, unsent, 1, AC1);
    world.takenOver(AB3, AB2);
    expect(world.verdicts({ nodes: undefined }).oneEmitter).toBe('held');
  });

  it('FG-361: holds when a node passes a frame that was emitted again on, to where the flow went from it', () => {
    const world = takeover();
    const frameNo = world.enter();
    const again: Journey = { ...TAKEN_OVER, flags: REEMITTED, sequence: 5 };
    const moved: Journey = { ...again, route: [IA1, AB3, AC2, IC1] };
    world.hop({ ...TAKEN_OVER, sequence: 5 }, frameNo, 0);
    world.send(again, frameNo, 1, AC1);
    const bytes = world.sealed(moved, frameNo, 1, AC2, AC1);
    world.tap({ kind: 'sent', link: 2, from: AC1, to: AC2, frameNo, bytes });
    world.hop({ ...moved, flags: 0 }, frameNo, 2);
    const move = { type: 'FlowRerouted', at: world.at, flow: FLOW, topologySeq: 1, reason: 'congested' } as const;
    world.note({ ...move, from: AC1, to: AC2, effectiveAt: world.at });
    expect(world.verdicts({ nodes: undefined }).oneEmitter).toBe('held');
  });

  it('is broken when a cluster swallows frames that it promises to hand on, and none are reported', () => {
    const world = untroubled();
    const frameNo = world.enter();
    world.hop({ sequence: 6 }, frameNo, 0);
    expect(world.verdicts().oneEmitter).toMatch(/1 frames went into AB and never came out, 0 are reported/);
  });

  it('holds when what a cluster swallowed is reported as dropped', () => {
    const world = untroubled();
    const frameNo = world.enter();
    world.hop({ sequence: 6 }, frameNo, 0);
    world.drop(AB2, 'link-mtu');
    expect(world.verdicts().oneEmitter).toBe('held');
  });

  it('holds when what a cluster swallowed was reported by a node before it died, and not by what died with it', () => {
    const world = untroubled();
    const frameNo = world.enter();
    world.hop({ sequence: 6 }, frameNo, 0);
    const dead = (reason: string) => [{ ...noFigures(AB2), dropped: { [reason]: 1 } }];
    const nodes = world.statistics().filter(({ node }) => node !== AB2);
    expect(world.verdicts({ nodes, dead: dead('node-dead') }).oneEmitter).toMatch(/1 frames went into AB/);
    expect(world.verdicts({ nodes, dead: dead('discarded') }).oneEmitter).toBe('held');
  });

  it('leaves to the count what a backup emits into a cluster that discards', () => {
    const lose = (world: World): void => {
      const frameNo = world.enter();
      world.hop({ sequence: 2 }, frameNo, 0);
      world.lose({ sequence: 2 }, frameNo, 0);
      world.fail(AB2);
      world.takenOver(AB2, AB3);
    };
    const world = new World();
    world.started();
    world.pass();
    const away = { type: 'FlowRerouted', at: world.at, flow: FLOW, topologySeq: 1, reason: 'failed' } as const;
    world.note({ ...away, from: AC1, to: 0, effectiveAt: world.at });
    lose(world);
    expect(world.verdicts().oneEmitter).toMatch(/1 frames went into AB and never came out, 0 are reported/);
    world.drop(AB3, 'discarded');
    expect(world.verdicts().oneEmitter).toBe('held');
  });

  it('FG-157: finds what a backup did not emit away from the cluster that discards', () => {
    const world = new World();
    world.started();
    world.pass();
    world.pass({ isReverse: true });
    const away = { type: 'FlowRerouted', at: world.at, flow: FLOW, topologySeq: 1, reason: 'failed' } as const;
    world.note({ ...away, from: AC1, to: 0, effectiveAt: world.at });
    const frameNo = world.enter({ isReverse: true });
    for (const hop of [0, 1]) world.hop({ isReverse: true, sequence: 2 }, frameNo, hop);
    world.lose({ isReverse: true, sequence: 2 }, frameNo, 1);
    world.fail(AB2);
    world.takenOver(AB2, AB3);
    expect(world.verdicts({ nodes: undefined }).oneEmitter).toMatch(/lost with a node of AB and its backup did not/);
  });

  it('FG-157: allows a node that replaced another to pass a re-emission on, which the stage behind it then refuses', () => {
    const twoDie = (flags: number): World => {
      const world = new World();
      world.started();
      const frameNo = world.pass();
      for (const dead of [AB2, AC1]) world.fail(dead);
      const route = [IA1, AB3, AC2, IC1];
      world.takenOver(AB2, AB3);
      world.note({
        type: 'FlowRerouted',
        at: world.at,
        flow: FLOW,
        topologySeq: 1,
        reason: 'failed',
        from: AC1,
        to: AC2,
        effectiveAt: world.at,
      });
      world.send({ route, flags, sequence: 1 }, frameNo, 1, AC2);
      world.send({ route, sequence: 1 }, frameNo, 2, IC1);
      return world;
    };
    expect(twoDie(REEMITTED).verdicts({ nodes: undefined }).oneEmitter).toBe('held');
    const again = twoDie(REEMITTED);
    again.send({ route: [IA1, AB3, AC2, IC1], sequence: 1 }, 0, 2, IC1);
    expect(again.verdicts({ nodes: undefined }).oneEmitter).toMatch(/sequence 1 was sent twice by AC-2/);
    expect(twoDie(0).verdicts({ nodes: undefined }).oneEmitter).toMatch(/sequence 1 was sent twice by AB-3/);
    const same = new World();
    same.started();
    const frameNo = same.pass();
    same.fail(AB2);
    same.takenOver(AB2, AB3);
    same.send({ ...TAKEN_OVER, flags: REEMITTED, sequence: 1 }, frameNo, 1, AC1);
    same.hop({ ...TAKEN_OVER, sequence: 1 }, frameNo, 2);
    expect(same.verdicts({ nodes: undefined }).oneEmitter).toMatch(/sequence 1 was sent twice by AC-1/);
  });

  it('does not judge unsequenced frames, nor frames under flood guard', () => {
    const world = untroubled();
    for (let i = 0; i < 2; i++) world.pass({ sequence: 0 });
    for (const node of [AB1, AB3]) world.pass({ flags: 0x80, sequence: 0, route: [IA1, node, AC1, IC1], shadows: {} });
    const { affinity, oneEmitter } = world.verdicts();
    expect([affinity, oneEmitter]).toEqual(['held', 'held']);
    expect(world.checker.figures().floodExempt).toBe(6);
  });
});

describe('conservation', () => {
  it('is broken by a node whose figures do not balance', () => {
    const world = untroubled();
    world.count(AC1, 'consumed');
    expect(world.verdicts().conservation).toMatch(/^broken: AC-1 counted 15 frames in .* and 16 out/);
  });

  it('is broken by a node that counts what no tap saw', () => {
    const world = untroubled();
    world.count(IC1, 'externalOut');
    world.count(IC1, 'created');
    expect(world.verdicts().conservation).toMatch(
      /^broken: IC-1 counted 6 frames out to external networks, taps saw 5/,
    );
  });

  it('is broken by a frame that vanishes on a link', () => {
    const world = untroubled();
    const frameNo = world.enter();
    world.hop({ sequence: 6 }, frameNo, 0);
    world.count(AB2, 'received', -1);
    expect(world.verdicts().conservation).toMatch(
      /^broken: 1 frames were sent over internal links and not received, 0 are/,
    );
    expect(world.verdicts({ inTransit: 1 }).conservation).toBe('held');
  });

  it('lets a dead node keep what reached it, and not account for more', () => {
    const world = untroubled();
    const frameNo = world.enter();
    world.hop({ sequence: 6, shadows: {} }, frameNo, 0);
    world.fail(AB2);
    expect(world.verdicts().conservation).toBe('held');
    const bytes = world.sealed({ sequence: 7 }, frameNo, 1, AC1);
    for (let i = 0; i < 20; i++) world.tap({ kind: 'sent', link: 2, from: AB2, to: AC1, frameNo, bytes });
    expect(world.verdicts({ inTransit: 20 }).conservation).toMatch(
      /AB-2 died after 11 frames had reached it, and accounts for 30/,
    );
  });

  it('is not observed without the figures of the nodes', () => {
    expect(untroubled().verdicts({ nodes: undefined }).conservation).toBe('not observed');
  });
});

describe('isolation', () => {
  it('is broken by a frame that leaves with its descriptor', () => {
    const world = untroubled();
    const frameNo = world.enter();
    world.hop({ sequence: 6 }, frameNo, 0);
    world.leave(frameNo, {}, world.sealed({ sequence: 6 }, frameNo, 2, IC1));
    expect(world.verdicts().isolation).toMatch(/^broken: frame 10 left IC-1 with its descriptor/);
  });

  it('FG-173: is broken by a replica that leaves, beside its original or without it', () => {
    const replica: Journey = { flow: FLOW ^ 0x80_0000, flags: 0x08, shadows: {} };
    const beside = untroubled();
    const frameNo = beside.pass();
    for (let hop = 0; hop < 3; hop++) beside.hop({ ...replica, sequence: 1 }, frameNo, hop);
    expect(beside.verdicts({ nodes: undefined }).isolation).toBe('held');
    beside.leave(frameNo, replica);
    expect(beside.verdicts({ nodes: undefined }).isolation).toMatch(/^broken: frame 10 left IC-1 as a replica/);

    const alone = untroubled();
    const lost = alone.enter();
    alone.hop({ sequence: 6 }, lost, 0);
    for (let hop = 0; hop < 3; hop++) alone.hop({ ...replica, sequence: 1 }, lost, hop);
    alone.leave(lost, replica);
    expect(alone.verdicts({ nodes: undefined }).isolation).toMatch(/^broken: frame 10 left IC-1 as a replica/);
  });

  it('takes what looks like a descriptor and came in so for payload', () => {
    const world = untroubled();
    const disguised = world.sealed({ flow: 0x09000009 }, 99, 2, IC1);
    world.tap({ kind: 'entered', network: 1, to: IA1, frameNo: 10, bytes: disguised });
    world.tap({ kind: 'left', network: 2, from: IC1, frameNo: 10, bytes: disguised });
    expect(world.verdicts().isolation).toBe('held');
  });

  it.each([
    ['a node that is no member of the link', { link: 3, from: AB2, to: AC1 }, /on VN-3 from AB-2 .*AB-2 is no member/],
    [
      'a receiver that is no member of the link',
      { link: 1, from: AB2, to: AC1 },
      /on VN-1 from AB-2 .*AC-1 is no member/,
    ],
    ['another sender than its MAC names', { link: 2, from: AB1, to: AC1 }, /another sender's MAC/],
  ])('is broken by a frame from or to %s', (_what, ends, message) => {
    const world = untroubled();
    world.tap({ kind: 'sent', frameNo: 3, ...ends, bytes: world.sealed({ sequence: 6 }, 3, 1, AC1) });
    expect(world.verdicts().isolation).toMatch(message);
  });

  it.each([
    ['cut', (bytes: Uint8Array) => bytes.subarray(0, bytes.length - 2)],
    [
      'with a wrong checksum',
      (bytes: Uint8Array) => Uint8Array.from(bytes, (byte, i) => (i === bytes.length - 3 ? byte ^ 1 : byte)),
    ],
    ['without one', () => payloadOf(3)],
  ])('is broken by an internal frame whose descriptor is %s', (_what, damage) => {
    const world = untroubled();
    world.hop({ sequence: 6 }, 3, 1, damage(world.sealed({ sequence: 6 }, 3, 1, AC1)));
    expect(world.verdicts().isolation).toMatch(/^broken: frame 3 on VN-2 from AB-2 carries no descriptor/);
  });

  it('is broken by a frame that is not signed by its sender', () => {
    const world = untroubled();
    const bytes = world.sealed({ sequence: 6 }, 3, 1, AC1);
    bytes[20]! ^= 1;
    world.hop({ sequence: 6 }, 3, 1, bytes);
    expect(world.verdicts().isolation).toMatch(/^broken: frame 3 on VN-2 from AB-2 is not signed by its sender/);
  });

  it('is broken by a frame that leaves to a network which another cluster connects', () => {
    const world = untroubled();
    world.tap({ kind: 'left', network: 1, from: IC1, frameNo: 0, bytes: payloadOf(0) });
    expect(world.verdicts().isolation).toMatch(
      /^broken: frame 0 left IC-1 to network 1, which another cluster connects/,
    );
  });
});

describe('transparency', () => {
  it('is broken by a frame that leaves changed', () => {
    const world = untroubled();
    const frameNo = world.enter();
    world.hop({ sequence: 6 }, frameNo, 0);
    world.leave(
      frameNo,
      {},
      Uint8Array.from(payloadOf(frameNo), (byte, i) => (i === 59 ? 1 : byte)),
    );
    expect(world.verdicts().transparency).toMatch(
      /^broken: frame 10 of flow 0x01abcdef at IC-1 left changed: 60 bytes entered, 60 left/,
    );
  });

  it('is broken by a frame that leaves and never entered', () => {
    const world = untroubled();
    world.leave(77);
    expect(world.verdicts().transparency).toMatch(/^broken: frame 77 left at IC-1 and never entered/);
  });

  it('is broken by a frame that leaves twice', () => {
    const world = untroubled();
    world.leave(8);
    expect(world.verdicts().transparency).toMatch(/^broken: frame 8 of flow 0x01abcdef at IC-1 left twice/);
    expect(world.verdicts().oneEmitter).toMatch(/sequence 5 left twice at IC-1/);
  });

  it('is broken by frames of one flow and direction that change places', () => {
    const world = untroubled();
    const [first, second] = [world.enter(), world.enter()];
    [first, second].forEach((frameNo, i) => [0, 1, 2].forEach((hop) => world.hop({ sequence: 6 + i }, frameNo, hop)));
    world.leave(second);
    world.leave(first);
    expect(world.verdicts().transparency).toMatch(
      /^broken: frame 10 .* left after frames of its flow that entered later/,
    );
  });

  it('allows later fragments to be overtaken', () => {
    const world = untroubled();
    const fragment = payloadOf(10);
    fragment.set([0x08, 0x00, 0x45, 0, 0, 40, 0, 1, 0x20, 0x10], 12);
    world.tap({ kind: 'entered', network: 1, to: IA1, frameNo: 10, bytes: fragment });
    world.hop({ sequence: 7 }, 10, 0);
    world.tap({ kind: 'entered', network: 1, to: IA1, frameNo: 11, bytes: payloadOf(11) });
    world.hop({ sequence: 6 }, 11, 0);
    world.leave(11);
    world.tap({ kind: 'left', network: 2, from: IC1, frameNo: 10, bytes: fragment });
    expect(world.verdicts({ nodes: undefined }).transparency).toBe('held');
  });

  it('allows what an application may change, and counts it', () => {
    const clusters = topologyOf().clusters.map((cluster) =>
      cluster.id === 3 ? clusterWith(3, 'AC', 'discard', 2, 'nat') : cluster,
    );
    const world = new World(topologyOf({ clusters }));
    const frameNo = world.enter();
    for (const hop of [0, 1, 2]) world.hop({ sequence: 1 }, frameNo, hop);
    world.leave(frameNo, { payload: 'other' });
    expect(world.verdicts().transparency).toBe('held');
    expect(world.checker.figures().altered).toBe(1);
  });

  it('does not judge frames that a node created, and counts them', () => {
    const world = untroubled();
    world.count(IC1, 'created');
    world.leave(CREATED_FRAME);
    expect(world.verdicts().transparency).toBe('held');
    expect(world.checker.figures().created).toBe(1);
  });
});

describe('replay and durability', () => {
  it('are broken by a rebuilt state that differs', () => {
    expect(createChecker().verdicts({ replay: { seq: 9, live: 'aa', rebuilt: 'bb' } }).replay).toBe(
      'broken: at seq 9 the live state hashes to aa, the state rebuilt from the log to bb',
    );
  });

  it('are broken by an acknowledged command that the log does not have, or has elsewhere', () => {
    const acknowledged = [
      { commandId: 'a', seq: 1 },
      { commandId: 'b', seq: 2 },
    ];
    const judge = (logged: [string, number][]) =>
      createChecker().verdicts({ durability: { acknowledged, logged: new Map(logged) } }).durability;
    expect(judge([['a', 1]])).toBe('broken: b was acknowledged at seq 2 and is not in the log');
    expect(judge([['a', 1], ['b', 3]])).toBe('broken: b was acknowledged at seq 2 and stands at 3'); // prettier-ignore
  });
});
