import type { Probe } from '../../../../domain/probe/events';
import { FlowgridError } from '../../../../domain/base/errors';
import { LEASE_US, ProbeDesk, readAnswer, type ProbeRequest } from '../../../../runtime/agent/probe-desk';
import type { ProbeTap } from '../../../../runtime/agent/probe-taps';
import { twoStages } from '../../../support/topologies';

const PROBE: Probe = { id: 7, name: 'VN-1', link: 1, node: 0, view: 'raw', collector: 'operator:alice/1' };

/** A host whose points capture nothing: what the desk does with them is looked at. */
class Points {
  readonly attached = new Set<number>();
  readonly stopped = new Set<number>();
  taken = 0;
  readonly asked: Probe[] = [];
  attachProbe(probe: Probe): Promise<ProbeTap> {
    if (probe.id === 13) return Promise.reject(new FlowgridError('rejected', 'no memory'));
    this.asked.push(probe);
    this.attached.add(probe.id);
    return Promise.resolve({
      probe,
      take: (target, at) => {
        this.taken++;
        target.fill(probe.id, at, at + 2);
        return 2;
      },
      pending: 2,
      counts: () => ({ captured: 3, dropped: 1 }),
      stop: async () => void this.stopped.add(probe.id),
      detach: async () => void this.attached.delete(probe.id),
    });
  }
}

function desk(): {
  points: Points;
  ask: (request: object, token?: string) => Promise<Uint8Array>;
  desk: ProbeDesk;
  time: { now: number };
  left: Probe[];
} {
  const points = new Points();
  const time = { now: 1 };
  const left: Probe[] = [];
  const it = new ProbeDesk({
    host: points,
    clock: () => time.now,
    verify: (token) => {
      if (token === '') throw new FlowgridError('rejected', 'the probe token is not one of this grid');
      return `operator:${token}`;
    },
    topology: () => twoStages(),
    isLogged: ({ id }) => id !== 99,
    abandoned: (probes) => void left.push(...probes),
  });
  const ask = (request: object, token = 'alice') => it.answer({ ...request, token } as ProbeRequest);
  return { points, ask, desk: it, time, left };
}

const said = async (answer: Promise<Uint8Array>): Promise<unknown> => JSON.parse(Buffer.from(await answer).toString());

describe('the desk of probes', () => {
  it('gives what points captured, with their counts', async () => {
    const { ask, points } = desk();
    expect(await said(ask({ ask: 'places', points: ['VN-1', 'VN-1'] }))).toMatchObject({
      places: [{ name: 'VN-1', link: 1, node: 0 }],
      by: 'operator:alice',
    });
    expect(await said(ask({ ask: 'open', probes: [PROBE, { ...PROBE, id: 8 }] }))).toEqual({ session: 1 });
    const { progress, records } = readAnswer(await ask({ ask: 'read', session: 1, turn: 1, bytesMax: 100 }));
    expect([...records]).toEqual([7, 7, 8, 8]);
    const again = readAnswer(await ask({ ask: 'read', session: 1, turn: 1, bytesMax: 100 }));
    expect([...again.records]).toEqual([7, 7, 8, 8]);
    expect(points.taken).toBe(2);
    await ask({ ask: 'read', session: 1, turn: 2, bytesMax: 100 });
    expect(points.taken).toBe(4);
    expect(progress.counts).toEqual([7, 8].map((probe) => ({ probe, captured: 3, dropped: 1 })));
    expect(await said(ask({ ask: 'stop', session: 1 }))).toMatchObject({ isEnding: false });
    expect([...points.stopped]).toEqual([7, 8]);
    expect(await said(ask({ ask: 'close', session: 1 }))).toMatchObject({ isEnding: false });
    expect([...points.attached]).toEqual([]);
  });

  it('FG-522: hears nobody without a token, shows nobody what another captures, and attaches only what the log holds', async () => {
    const { ask, points } = desk();
    for (const request of [
      { ask: 'places', points: [] },
      { ask: 'open', probes: [PROBE] },
      { ask: 'read', session: 1 },
    ]) {
      await expect(ask(request, '')).rejects.toThrow('is not one of this grid');
    }
    await expect(ask({ ask: 'open', probes: [{ ...PROBE, id: 99 }] })).rejects.toThrow('the log does not say so');
    expect(points.asked).toEqual([]);
    await ask({ ask: 'open', probes: [PROBE] });
    await expect(ask({ ask: 'read', session: 1, turn: 1, bytesMax: 9 }, 'mallory')).rejects.toThrow(
      'no probe session 1',
    );
  });

  it('attaches all points of a collector or none', async () => {
    const { ask, points } = desk();
    await expect(ask({ ask: 'open', probes: [PROBE, { ...PROBE, id: 13 }] })).rejects.toThrow('no memory');
    expect([...points.attached]).toEqual([]);
  });

  it('FG-527: detaches the points of who has not read for a while', async () => {
    const { ask, points, desk: it, time, left } = desk();
    await ask({ ask: 'open', probes: [PROBE] });
    await ask({ ask: 'open', probes: [{ ...PROBE, id: 8 }] });
    time.now += LEASE_US - 1;
    await ask({ ask: 'read', session: 2, turn: 1, bytesMax: 9 });
    time.now += 1;
    await it.sweep();
    expect([...points.attached]).toEqual([8]);
    expect(left).toEqual([PROBE]);
    await expect(ask({ ask: 'read', session: 1, turn: 1, bytesMax: 9 })).rejects.toThrow('no probe session 1');
    expect(it.hasReaders).toBe(true);
  });
});
