import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { NodeStatus } from '../../domain/node/state';
import { rebuilt, withLog } from '../../runtime/programs/log-reading';
import { natsAvailable, startNats } from '../services/nats';
import { describeWithServer } from '../services/suite';
import { AgentProcess } from '../support/agent-process';
import { MnodeProcess } from '../support/mnode-process';
import { freeUdpPorts } from '../support/udp';
import { flowgrid } from '../support/up-process';

const FILE = join(__dirname, '../../examples/agents.yaml');
const CLUSTER = 2;
/** AB's nodes in the file are 1 to 3. */
const LATE = 9;
/** Commands that are carried out while the bus is down, so that there was time and occasion to be discovered. */
const MEANWHILE = 10;

describeWithServer('a grid whose bus is down', natsAvailable, () => {
  test('FG-431: no node is discovered, commands over the socket are carried out, and the node joins once the bus is back', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'flowgrid-bus-down-'));
    const data = join(dir, 'data');
    const key = join(dir, 'grid.key');
    writeFileSync(key, randomBytes(32).toString('hex'), { mode: 0o600 });
    const [port] = (await freeUdpPorts(1)) as [number];
    const nats = await startNats();
    const mnode = new MnodeProcess('MA-1', [FILE, '--data', data, '--nats', nats.servers]);
    const listen = ['--listen', `127.0.0.1:${port}`, '--key', key];
    const agent = new AgentProcess('host', ['--grid', 'agents', '--nats', nats.servers, '--nodes', '20', ...listen]);
    const statusOf = async (node: number): Promise<NodeStatus | undefined> => {
      const { clusters } = await withLog(data, (log) => rebuilt(log, Infinity));
      return clusters[CLUSTER]?.nodes[node]?.status;
    };
    const until = async (node: number, status: NodeStatus): Promise<void> => {
      while ((await statusOf(node)) !== status) await delay(50);
    };
    const submit = async (type: string, command: object): Promise<void> => {
      const { code, stderr } = await flowgrid('submit', type, JSON.stringify(command), '--data', data);
      expect({ code, stderr }).toMatchObject({ code: 0 });
    };
    try {
      await mnode.until(({ role }) => role === 'leading');
      await until(3, 'active');
      await nats.kill();
      await submit('AdmitNode', { cluster: CLUSTER, node: LATE, weight: 1, spare: false });
      for (let weight = 1; weight <= MEANWHILE; weight++) {
        await submit('ConfigureNode', { cluster: CLUSTER, node: 1, weight });
      }
      expect(['admitted', 'configured']).toContain(await statusOf(LATE));
      await nats.restart();
      await until(LATE, 'active');
      // Nobody was held dead for a silence that was everybody's.
      for (const node of [1, 2, 3]) expect(await statusOf(node)).toBe('active');
      mnode.signal('SIGTERM');
      expect(await mnode.ended).toBe(0);
      expect(await flowgrid('audit', 'verify', '--data', data)).toMatchObject({ code: 0 });
    } finally {
      await Promise.all([agent.end(), mnode.end()]);
      await nats.stop();
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
