import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { planSides } from '../../dataplane/packet-ports/capture/sides';
import type { ClassifiedConnection, ClassifiedSummary } from '../../interface/cli/classify';
import { classify } from '../../runtime/programs/classify';
import { notRun } from '../support/not-run';

const TRACES = join(__dirname, '../../../shared/traces');
const suite = existsSync(TRACES) ? describe : notRun('classify against captures', '../shared/traces is absent');

interface TrueEnds {
  readonly a: string;
  readonly aPort: number;
  readonly b: string;
  readonly bPort: number;
}
interface TrueFlow extends TrueEnds {
  readonly proto: number;
  readonly packetsAB: number;
  readonly packetsBA: number;
  readonly laterFragmentsAB?: number;
  readonly laterFragmentsBA?: number;
  readonly bytes: number;
  readonly firstTs: number;
  readonly lastTs: number;
  readonly client?: 'a' | 'b' | null;
}
interface Truth {
  readonly packets: number;
  readonly ipPackets: number;
  readonly nonIp: number;
  readonly malformedIp: number;
  readonly fragments: number;
  readonly orphanFragments: number;
  readonly packetsWithoutPorts: number;
  readonly readError: string | null;
  readonly tcpFlows: number;
  readonly udpFlows: number;
  readonly icmpFlows: number;
  readonly otherFlows: number;
  readonly tcpConnections: number;
  readonly perFlow: readonly TrueFlow[];
  readonly ftpGroups: readonly { readonly control: TrueEnds; readonly data: readonly TrueEnds[] }[];
}

const captures = existsSync(TRACES) ? readdirSync(TRACES).filter((name) => /\.pcap(ng)?$/.test(name)) : [];

function truthOf(capture: string): Truth {
  return JSON.parse(readFileSync(join(TRACES, 'truth', `${capture}.json`), 'utf8')) as Truth;
}

async function run(
  capture: string,
  idle?: 'none',
): Promise<{ rows: ClassifiedConnection[]; summary: ClassifiedSummary }> {
  const lines: string[] = [];
  const code = await classify(
    { captures: [join(TRACES, capture)], json: true, ...(idle === undefined ? {} : { idle }) },
    (line) => lines.push(line),
  );
  expect(code).toBe(0);
  const documents = lines.map((line) => JSON.parse(line) as unknown);
  const summary = documents.pop() as ClassifiedSummary;
  return { rows: documents as ClassifiedConnection[], summary };
}

/** The 5-tuple without order, and whether `a` is its smaller end. */
function tuple(proto: number, ends: TrueEnds): { key: string; forward: boolean } {
  const a = `${ends.a} ${ends.aPort}`;
  const b = `${ends.b} ${ends.bPort}`;
  return a <= b ? { key: `${proto} ${a} ${b}`, forward: true } : { key: `${proto} ${b} ${a}`, forward: false };
}

interface TupleCounts {
  packets: readonly [number, number];
  later: readonly [number, number];
  bytes: number;
}

function addCounts(sums: Map<string, TupleCounts>, row: TrueFlow): void {
  const { key, forward } = tuple(row.proto, row);
  const before = sums.get(key) ?? { packets: [0, 0], later: [0, 0], bytes: 0 };
  const ordered = (ab: number, ba: number): readonly [number, number] => (forward ? [ab, ba] : [ba, ab]);
  const packets = ordered(row.packetsAB, row.packetsBA);
  const later = ordered(row.laterFragmentsAB ?? 0, row.laterFragmentsBA ?? 0);
  sums.set(key, {
    packets: [before.packets[0] + packets[0], before.packets[1] + packets[1]],
    later: [before.later[0] + later[0], before.later[1] + later[1]],
    bytes: before.bytes + row.bytes,
  });
}

function countsOf(flows: readonly TrueFlow[]): [string, TupleCounts][] {
  const sums = new Map<string, TupleCounts>();
  for (const flow of flows) addCounts(sums, flow);
  return [...sums].sort(([a], [b]) => (a < b ? -1 : 1));
}

function groupsOf(rows: readonly ClassifiedConnection[], ends: TrueEnds): number[] {
  const { key } = tuple(6, ends);
  return rows.filter((row) => tuple(row.proto, row).key === key).map((row) => row.group);
}

suite('classify agrees with the truth of every capture', () => {
  it('finds captures', () => expect(captures.length).toBeGreaterThan(40));

  describe.each(captures)('%s', (capture) => {
    it('FG-52, FG-53, FG-62: 5-tuples, packets, later fragments and bytes (--idle none)', async () => {
      const truth = truthOf(capture);
      const { rows, summary } = await run(capture, 'none');
      expect(summary).toMatchObject({
        frames: truth.packets,
        ip: truth.ipPackets,
        nonIp: truth.nonIp,
        malformed: truth.malformedIp,
        fragments: truth.fragments,
        orphanFragments: truth.orphanFragments,
        withoutPorts: truth.packetsWithoutPorts,
        tcp: truth.tcpFlows,
        udp: truth.udpFlows,
        icmp: truth.icmpFlows,
        other: truth.otherFlows,
      });
      expect('readErrors' in summary).toBe(truth.readError !== null);
      const found = rows.map((row) => ({ ...row, bytes: row.bytesAB + row.bytesBA }));
      expect(countsOf(found)).toEqual(countsOf(truth.perFlow));
    });

    it('FG-49: TCP connections (by default)', async () => {
      const { rows } = await run(capture);
      expect(rows.filter((row) => row.proto === 6)).toHaveLength(truthOf(capture).tcpConnections);
    });

    it('FG-57: FTP groups: control and data connections share a flow, and nobody else does', async () => {
      const { ftpGroups } = truthOf(capture);
      const { rows } = await run(capture);
      for (const { control, data } of ftpGroups) {
        const groups = new Set(groupsOf(rows, control));
        const members = rows.filter((row) => groups.has(row.group)).map((row) => tuple(row.proto, row).key);
        const expected = [control, ...data].map((ends) => tuple(6, ends).key);
        expect([...new Set(members)].sort()).toEqual([...new Set(expected)].sort());
      }
      const grouped = rows.filter((row) => row.type === 'ftp-data').map((row) => tuple(row.proto, row).key);
      const announced = ftpGroups.flatMap(({ data }) => data.map((ends) => tuple(6, ends).key));
      expect(new Set(grouped)).toEqual(new Set(announced));
    });

    it('sides: each frame comes from its initiator’s or its responder’s side', () => {
      const truth = truthOf(capture);
      const sides = planSides(join(TRACES, capture));
      expect(sides).toHaveLength(truth.packets);
      // Where every packet is in a flow of its own direction, the count follows from the truth alone.
      const isPlain = truth.nonIp + truth.malformedIp + truth.fragments + truth.icmpFlows === 0;
      if (!isPlain || truth.tcpConnections !== truth.tcpFlows) return;
      expect(sides.filter((side) => side === 1)).toHaveLength(responderPackets(truth));
    });
  });
});

/** Packets from the responders' side, by the truth: against each flow's client, FTP data by its control connection. */
function responderPackets(truth: Truth): number {
  const controlClient = new Map<string, string>();
  for (const { control, data } of truth.ftpGroups) {
    const flow = truth.perFlow.find((one) => tuple(one.proto, one).key === tuple(6, control).key)!;
    const client = flow.client === 'b' ? flow.b : flow.a;
    for (const ends of data) controlClient.set(tuple(6, ends).key, client);
  }
  let count = 0;
  for (const flow of truth.perFlow) {
    const client = controlClient.get(tuple(flow.proto, flow).key) ?? (flow.client === 'b' ? flow.b : flow.a);
    const isA = flow.a === flow.b ? flow.client !== 'b' : client === flow.a;
    count += isA ? flow.packetsBA : flow.packetsAB;
  }
  return count;
}
