import { createLocalBus, type LocalBus } from '../../../../adapters/bus/local-bus';
import { encodeFlowBatch } from '../../../../adapters/codec/flow-batch';
import { subjectsOf } from '../../../../adapters/bus/subjects';
import { decodeCommit } from '../../../../adapters/codec/records';
import type { AutoscaleDecided } from '../../../../domain/autoscale/events';
import type { AutoscaleSettings } from '../../../../domain/autoscale/settings';
import { nodeRef } from '../../../../domain/base/ids';
import type { FlowEvent } from '../../../../domain/flow/events';
import type { Commit } from '../../../../domain/log/commit';
import { LoadListener } from '../../../../runtime/control/load-listener';
import { steer } from '../../domain/autoscale/autoscale-specifications';
import { settings } from '../../domain/autoscale/steered-cluster';
import { reading } from '../../projections/streams/readings';
import { EGRESS, FILTER, INGRESS, SmallGrid, START } from './small-grid';

const subjects = subjectsOf('small');

describe('FG-368: an MNODE that hears what nodes carry', () => {
  let grid: SmallGrid;
  let bus: LocalBus;
  let listener: LoadListener;
  const up = async (steering: Partial<AutoscaleSettings> = {}): Promise<void> => {
    grid = await new SmallGrid().up();
    bus = createLocalBus({ clock: grid.clock, timers: grid.clock });
    listener = new LoadListener(grid.plane, bus, subjects, grid.clock);
    await grid.submit(steer(settings({ min: 2, max: 4, ...steering })));
  };
  afterEach(() => listener.close());

  /** Seconds pass in which these nodes of the filter tell that they carry so many flows each. */
  const pass = async (seconds: number, nodes: readonly number[], flows: number): Promise<void> => {
    for (let i = 0; i < seconds; i++) {
      await grid.pass(1_000);
      const since = (grid.clock.now() - START) / 1_000;
      for (const node of nodes) {
        const counted = reading(nodeRef(FILTER, node), since, { flowsPrimary: flows });
        bus.publish(subjects.statsNode(`AB-${node}`), Buffer.from(JSON.stringify(counted)));
      }
      bus.publish(subjects.statsNode('AB-1'), Buffer.from('no reading'));
      bus.pump();
    }
  };
  const decisions = async (): Promise<AutoscaleDecided['data'][]> => {
    const commits = (await grid.log.read(1, 1_000)).map(({ bytes }) => decodeCommit(bytes) as Commit<AutoscaleDecided>);
    return commits.flatMap(({ events }) =>
      events.flatMap(({ type, data }) => (type === 'AutoscaleDecided' ? [data] : [])),
    );
  };

  it('grows a cluster whose nodes are full', async () => {
    await up();
    await pass(6, [1, 2, 3], 900);
    expect(await decisions()).toMatchObject([{ verdict: 'out', to: 4, why: 'load' }]);
  });

  it('shrinks one that is empty, and not because a member is not heard', async () => {
    await up();
    await pass(10, [1, 2], 100);
    expect(await decisions()).toEqual([]);
    await pass(6, [1, 2, 3], 100);
    expect(await decisions()).toMatchObject([{ verdict: 'in', to: 2, why: 'load' }]);
  });

  it('counts the flows that begin, where a target is of them', async () => {
    await up({ target: { newFlowsPerSecond: 10 } });
    for (let n = 1; n <= 6; n++) {
      await pass(1, [1, 2, 3], 0);
      listener.batch(batchOf(n, 30));
    }
    expect(await decisions()).toMatchObject([{ verdict: 'out', to: 4, why: 'load' }]);
  });

  it('tells nothing to who does not lead', async () => {
    await up();
    await grid.plane.standDown();
    expect(grid.plane.wantsLoads).toBe(false);
    await pass(6, [1, 2, 3], 900);
    expect(await decisions()).toEqual([]);
  });
});

/** A batch in which so many flows begin that AB-1, AB-2 and AB-3 get in turn. */
function batchOf(number: number, count: number): Uint8Array {
  const events = Array.from({ length: count }, (_, i): FlowEvent => {
    const route = [nodeRef(INGRESS, 1), nodeRef(FILTER, 1 + (i % 3)), nodeRef(EGRESS, 1)];
    const key = { proto: 6, a: '192.0.2.1', aPort: i, b: '192.0.2.2', bPort: 80, vlan: 0 };
    const flow = { at: 1, flow: number * 1000 + i, topologySeq: 1, flowType: 1, wireId: 1, network: 1, path: 1 };
    return { ...flow, type: 'FlowStarted', observedAs: 'ingress', key, route, backups: [0, 0, 0], start: 'syn' };
  });
  return encodeFlowBatch({ chain: '1/1@1', number, prev: '0'.repeat(64), lost: 0, events }).bytes;
}
