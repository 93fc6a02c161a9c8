import { randomBytes } from 'node:crypto';
import { parseEndpoint } from '../../domain/base/endpoint';
import { OnePeer } from '../../dataplane/packet-ports/udp/peers';
import { UdpPort } from '../../dataplane/packet-ports/udp/udp-port';
import type { Outside } from './agent-grid';
import { answer, question } from './datagrams';
import { PortEnd } from './port-end';
import { until } from './udp';

/**
 * Clients at one network and servers at another, who wait for each other: no answer before its question has come through, no
 * further question before the answers have. Whatever is lost holds everything up.
 */
export class OutsideWorld {
  readonly asked: string[] = [];
  readonly answered: string[] = [];
  private readonly clients = new PortEnd();
  private readonly servers = new PortEnd();

  async open(west: Outside, east: Outside): Promise<void> {
    await this.clients.open(opener(west));
    await this.servers.open(opener(east));
  }

  /** The `n`th question of each flow and its answer; `meanwhile` happens while questions are on their way. */
  async round(
    flows: readonly number[],
    n: number,
    meanwhile: () => Promise<void> = async () => undefined,
  ): Promise<void> {
    const { clients, servers } = this;
    const questions = flows.map((flow) => question(flow, n));
    this.asked.push(...questions.map(textOf));
    await clients.send(questions);
    await meanwhile();
    await until(() => taken(servers) >= this.asked.length);
    const answers = questions.map(answer);
    this.answered.push(...answers.map(textOf));
    await servers.send(answers);
    await until(() => taken(clients) >= this.answered.length);
  }

  /** What came to the servers, and to the clients. */
  get came(): { readonly questions: string[]; readonly answers: string[] } {
    return { questions: this.servers.received.map(textOf), answers: this.clients.received.map(textOf) };
  }

  async close(): Promise<void> {
    await Promise.all([this.clients.port.close(), this.servers.port.close()]);
  }
}

function opener({ into, from }: Outside): ReturnType<typeof UdpPort.opener> {
  const [local, remote] = [parseEndpoint(from)!, parseEndpoint(into)!];
  return UdpPort.opener({ local, peers: new OnePeer(remote), newStream: () => randomBytes(4).readUInt32BE() });
}

function taken(end: PortEnd): number {
  end.take();
  return end.received.length;
}

function textOf(frame: Buffer): string {
  return frame.toString('hex');
}
