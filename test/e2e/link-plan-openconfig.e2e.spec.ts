import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lanPlanView } from '../../projections';
import { foreseenState, loadGridFile } from '../../runtime/control/grid-file';
import { describeWithServer } from '../services/suite';
import { openconfigAvailable, readOpenconfig } from '../support/lab/openconfig';
import { flowgrid } from '../support/up-process';

const root = join(__dirname, '../..');
const FIGURES = ['1', '2a', '2b', '2c', '2d', '2e', '2f', '2g', '4', '5'].map((name) => `examples/figure-${name}.yaml`);
/** The grid of the how-to has networks at ports of their own, an untagged one and a tagged one. */
const PAGE = readFileSync(join(root, 'docs/how-to/set-up-the-lan.md'), 'utf8');
const WITH_NETWORKS = /^```yaml\n([\s\S]*?)^```$/m.exec(PAGE)![1]!;

interface Port {
  readonly name: string;
  readonly 'openconfig-if-ethernet:ethernet': {
    readonly 'openconfig-vlan:switched-vlan': {
      readonly config: { readonly 'access-vlan'?: number; readonly 'trunk-vlans'?: readonly (number | string)[] };
    };
  };
}

interface Document {
  readonly 'openconfig-interfaces:interfaces': { readonly interface: readonly Port[] };
  readonly 'openconfig-network-instance:network-instances': {
    readonly 'network-instance': readonly { readonly vlans: { readonly vlan: readonly object[] } }[];
  };
}

/** The models take some seconds for a hundred VLANs, each of which looks like the others. */
const VLANS_READ = 20;

function withFewVlans(document: Document): Document {
  const { 'network-instance': instances } = document['openconfig-network-instance:network-instances'];
  const few = instances.map((each) => ({ ...each, vlans: { vlan: each.vlans.vlan.slice(0, VLANS_READ) } }));
  return { ...document, 'openconfig-network-instance:network-instances': { 'network-instance': few } };
}

/** The VLANs that a port is in, one by one. */
function vlansOf(port: Port): number[] {
  const { config } = port['openconfig-if-ethernet:ethernet']['openconfig-vlan:switched-vlan'];
  const told = config['trunk-vlans'] ?? [config['access-vlan']!];
  return told.flatMap((each) => {
    const [first, last = first] = String(each).split('..').map(Number) as [number, number?];
    return Array.from({ length: last - first + 1 }, (_, place) => first + place);
  });
}

describeWithServer('plans of a LAN as OpenConfig', openconfigAvailable, () => {
  let dir: string;
  let files: string[];
  const documents: Document[] = [];

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'flowgrid-openconfig-'));
    // Of all VLANs but those of the grid.
    const all = WITH_NETWORKS.replace(/, vlans: \[100\]/, '');
    expect(all).not.toBe(WITH_NETWORKS);
    writeFileSync(join(dir, 'lan.yaml'), WITH_NETWORKS);
    writeFileSync(join(dir, 'all.yaml'), all);
    files = [...FIGURES.map((name) => join(root, name)), join(dir, 'lan.yaml'), join(dir, 'all.yaml')];
    for (const file of files) {
      const { code, stdout } = await flowgrid('link', 'plan', file, '--format', 'openconfig');
      expect(code).toBe(0);
      documents.push(JSON.parse(stdout) as Document);
    }
  }, 120_000);

  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it('FG-621: the published models read every plan as it is, and would refuse what they do not know', () => {
    const short = documents.map(withFewVlans);
    expect(readOpenconfig(short)).toEqual(short.map((read) => ({ read })));
    const text = JSON.stringify(documents[0]);
    const wrong = [text.replace('"TRUNK"', '"TRUNKS"'), text.replace('"trunk-vlans"', '"vlans"')].map(
      (each) => JSON.parse(each) as Document,
    );
    const beyond = JSON.parse(
      text.replace(/"access-vlan":\d+|"trunk-vlans":\[[^\]]*\]/, '"trunk-vlans":[4999]'),
    ) as Document;
    for (const reading of readOpenconfig([...wrong, beyond])) expect(reading).toHaveProperty('refused');
  });

  it('FG-621: each port is in the VLANs of the plan and in those that it only sends in', () => {
    files.forEach((file, place) => {
      const { ports } = lanPlanView(foreseenState(loadGridFile(readFileSync(file, 'utf8'), file)));
      const planned = ports.map(({ port, tagged, untagged, sendOnly }) => {
        return [port, [...tagged, ...untagged, ...sendOnly].sort((a, b) => a - b)] as const;
      });
      const told = documents[place]!['openconfig-interfaces:interfaces'].interface;
      expect(told.map((port) => [port.name, vlansOf(port)])).toEqual(planned.filter(([, vlans]) => vlans.length > 0));
      expect(told.length).toBeGreaterThan(2);
    });
  });

  it('FG-621: what holds for one end of a resilient link only is said beside the document', async () => {
    const told = await flowgrid(
      'link',
      'plan',
      join(root, 'examples/figure-2c.yaml'),
      '--format',
      'openconfig',
      '--json',
    );
    expect(told.stderr).toContain("This holds while the primary of near is up; 'flowgrid link plan' says what else.");
    expect(JSON.parse(told.stdout)).toEqual(documents[FIGURES.indexOf('examples/figure-2c.yaml')]);
  });
});
