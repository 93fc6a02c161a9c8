import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeCommit } from '../../../../adapters/codec/records';
import type { TopologyEvent } from '../../../../domain/events';
import { evolveTopology } from '../../../../domain/topology/evolve';
import type { TopologyPublished } from '../../../../domain/topology/events';
import { NO_TOPOLOGY } from '../../../../domain/topology/state';
import type { Topology } from '../../../../domain/topology/topology';
import { topologyUpcasters } from '../../../../runtime/control/upcasters';

const GOLDEN = join(__dirname, 'golden-topology-published-v1.json');

describe('events of earlier versions', () => {
  test('FG-24: a topology that was recorded whole comes out as the changes that make it', () => {
    const { bytes } = JSON.parse(readFileSync(GOLDEN, 'utf8')) as { readonly bytes: string };
    const recorded = decodeCommit(Buffer.from(bytes, 'hex'));
    const { topology } = recorded.events[0]!.data as { readonly topology: Topology };
    expect(recorded.events[0]).toMatchObject({ type: 'TopologyPublished', v: 1 });
    expect(topology.clusters.map(({ name }) => name)).toContain('AB');

    const [event] = topologyUpcasters().commit(recorded).events as readonly TopologyEvent[];
    expect(event).toMatchObject({ type: 'TopologyPublished', v: 2, data: { version: 1, wireId: 1, dead: [] } });
    const state = evolveTopology(NO_TOPOLOGY, event as TopologyPublished, recorded.seq, recorded.at);
    expect(state.latest).toEqual(topology);
  });
});
