import { nodeRef, type NodeRef } from '../../../../domain/base/ids';
import { answerTo } from '../../../support/random-grid';
import { CLIENT_NETWORK, PublishedGrid, SERVER_NETWORK } from '../../../support/published-grid';
import { numbered, udp } from './frames';

const STAGE = 2;
const HOSTS = Array.from({ length: 12 }, (_, i) => ({ address: `10.0.0.${i + 1}`, port: 5_000 + i }));
/** Rounds until a death is known everywhere and the next backups are in step. */
const RECOVERED = 16;

/** Inside hosts that ask through source NAT, and a server that answers what it sees. */
class ClosedLoop {
  readonly grid = new PublishedGrid({
    stages: [
      {
        nodes: 3,
        failure: 'backup',
        selector: 'hash',
        function: { name: 'nat', config: { addresses: ['203.0.113.1'] } },
      },
    ],
    selection: 'centralized',
    apart: nodeRef(STAGE, 1),
    onLeft: (network, frameNo, bytes) => this.leftAt[network]!.push({ frameNo, bytes }),
  });
  /** What left since it was last looked at, by network. */
  private readonly leftAt: { [network: number]: { readonly frameNo: number; readonly bytes: Uint8Array }[] } = {
    [CLIENT_NETWORK]: [],
    [SERVER_NETWORK]: [],
  };
  private readonly asked = new Map<number, number>();
  private count = 0;

  /** Every host asks once more. */
  async ask(): Promise<void> {
    for (const [host, { address, port }] of HOSTS.entries()) {
      const payload = numbered(++this.count);
      this.asked.set(this.grid.frames, host);
      const frame = udp({ from: address, fromPort: port, to: '192.0.2.1', toPort: 53, payload });
      await this.grid.send(CLIENT_NETWORK, frame);
    }
  }

  /** The end that each host shows outside in what left since the last look; the server answers it there. */
  async answered(): Promise<string[]> {
    const shown: string[] = [];
    for (const { frameNo, bytes } of this.leftAt[SERVER_NETWORK]!.splice(0)) {
      const answer = answerTo(bytes);
      const host = this.asked.get(frameNo)!;
      shown[host] = `${answer.to}:${answer.toPort}`;
      this.asked.set(this.grid.frames, host);
      await this.grid.send(SERVER_NETWORK, udp({ ...answer, payload: numbered(++this.count) }));
    }
    return shown;
  }

  /** The hosts that answers came back to since the last look, as `host got address:port`. */
  received(): string[] {
    return this.leftAt[CLIENT_NETWORK]!.splice(0).map(({ frameNo, bytes }) => {
      const { from, fromPort } = answerTo(bytes);
      return `${this.asked.get(frameNo)} got ${from}:${fromPort}`;
    });
  }

  async rounds(n: number): Promise<void> {
    for (let i = 0; i < n; i++) await this.grid.round();
  }

  /** The node with most live flows as primary, of those that live. */
  async busiest(): Promise<NodeRef> {
    const members = (await this.grid.host.statistics()).filter(({ node }) => node >>> 7 === STAGE);
    const alive = members.filter(({ node }) => this.grid.fleet.get(node)!.alive);
    return alive.sort((a, b) => b.flowsPrimary - a.flowsPrimary)[0]!.node;
  }
}

const EVERYBODY = HOSTS.map(({ address, port }, host) => `${host} got ${address}:${port}`);

describe('source NAT in a backup cluster, with a server that answers what it sees', () => {
  test('FG-224: every host keeps its address and port over two deaths, and every answer comes back to it', async () => {
    const loop = new ClosedLoop();
    await loop.grid.up();
    await loop.ask();
    const shown = await loop.answered();
    expect(new Set(shown).size).toBe(HOSTS.length);
    expect(loop.received().sort()).toEqual([...EVERYBODY].sort());

    for (let deaths = 1; deaths <= 2; deaths++) {
      await loop.grid.kill(await loop.busiest());
      // Nobody knows yet: what goes to the dead node is held by its backup, and comes with the takeover.
      await loop.ask();
      await loop.rounds(RECOVERED);
      expect(await loop.answered()).toEqual(shown);
      expect(loop.received().sort()).toEqual([...EVERYBODY].sort());
    }
    expect(Object.values(await loop.grid.verdicts()).filter((verdict) => verdict !== 'held')).toEqual([]);
  });
});
