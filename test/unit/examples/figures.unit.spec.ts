import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeRef } from '../../../domain/base/ids';
import { lanOf, lanPorts, linksView } from '../../../projections';
import { pluggedNodes } from '../../../projections/lan';
import { foreseenState, loadGridFile } from '../../../runtime/control/grid-file';
import { BROADCAST, frameOf } from '../../support/ethernet';
import { InterfacesOnLan, nicHex } from '../../support/interfaces-on-lan';

const STATION = '0200000000aa';

/** An example's links on a simulated LAN, told what the plan says, with the virtual interfaces of its nodes. */
class Figure {
  private readonly state;
  private readonly at: InterfacesOnLan;
  private frames = 0;

  constructor(name: string, primariesDown: readonly string[] = []) {
    const file = `figure-${name}.yaml`;
    this.state = foreseenState(loadGridFile(readFileSync(join(__dirname, '../../../examples', file), 'utf8'), file));
    const primaryDown = new Set(primariesDown.map((link) => this.linkId(link)));
    this.at = new InterfacesOnLan(lanOf(this.state), lanPorts(this.state), { primaryDown });
  }

  /** What applications hear of a frame: `node by link`, with `own` where it is for the node's own address. */
  hears(link: string, from: string, to: string): string[] {
    const ports = this.at.ports;
    const sender = this.refOf(from);
    const port = ports.findIndex(({ nodes }) => nodes.some(({ cluster, node }) => nodeRef(cluster, node) === sender));
    const goal = to === 'all' ? BROADCAST : to === 'somebody' ? STATION : nicHex(this.refOf(to));
    const frame = frameOf({ from: nicHex(sender), to: goal, number: ++this.frames });
    if (!this.at.send(port, sender, this.linkId(link), frame)) return ['nobody may send so'];
    return this.at
      .settle()
      .map(({ node, link: by, frame: heard }) => {
        const isOwn = Buffer.from(heard.subarray(0, 6)).toString('hex') === nicHex(node);
        return `${this.nameOf(node)} by ${this.state.links.links[by]!.name}${isOwn ? ', own' : ''}`;
      })
      .sort();
  }

  get kinds(): readonly string[] {
    return linksView(this.state).links.map(({ kind }) => kind);
  }

  private refOf(name: string): number {
    return pluggedNodes(this.state).find((node) => node.name === name)!.ref;
  }

  private nameOf(ref: number): string {
    return pluggedNodes(this.state).find((node) => node.ref === ref)!.name;
  }

  private linkId(name: string): number {
    return Object.values(this.state.links.links).find((link) => link.name === name)!.id;
  }
}

type Sent = readonly [link: string, from: string, to: string, heard: readonly string[]];

/** What is particular to each figure, as frames show it. */
const FIGURES: { readonly [figure: string]: readonly Sent[] } = {
  '1': [
    ['12', 'A-1', 'all', ['B-1 by 12', 'C-1 by 12', 'D-1 by 12']],
    ['12', 'D-1', 'A-1', ['A-1 by 12, own']],
    ['22a', 'A-1', 'all', ['B-1 by 22a']],
    ['22b', 'B-1', 'all', ['C-1 by 22b']],
    ['22c', 'C-1', 'all', ['D-1 by 22c']],
    ['22c', 'A-1', 'all', ['nobody may send so']],
  ],
  '2a': [
    ['mesh', 'N1-1', 'all', ['N2-1 by mesh', 'N3-1 by mesh', 'N4-1 by mesh']],
    ['mesh', 'N3-1', 'all', ['N1-1 by mesh', 'N2-1 by mesh', 'N4-1 by mesh']],
    ['mesh', 'N4-1', 'N2-1', ['N2-1 by mesh, own']],
    ['mesh', 'N2-1', 'N4-1', ['N4-1 by mesh, own']],
  ],
  '2b': [
    ['near', 'IA-1', 'all', ['AB-1 by near', 'AB-2 by near', 'AB-3 by near']],
    ['near', 'IA-1', 'AB-2', ['AB-2 by near, own']],
    ['near', 'AB-1', 'all', ['IA-1 by near']],
    ['near', 'AB-1', 'AB-2', []],
    // In hub mode a sibling follows what is for another.
    ['far', 'IC-1', 'AB-2', ['AB-1 by far', 'AB-2 by far, own', 'AB-3 by far']],
    ['far', 'AB-3', 'all', ['IC-1 by far']],
  ],
  '2c': [
    ['near', 'IA-1', 'all', ['AB-1 by near']],
    ['near', 'AB-1', 'IA-1', ['IA-1 by near, own']],
    ['near', 'AB-2', 'IA-1', ['nobody may send so']],
    ['far', 'IC-1', 'all', ['AB-1 by far']],
  ],
  '2d': [
    ['down', 'IA-1', 'AB-2', ['AB-1 by down, own', 'AB-2 by down, own', 'AB-3 by down, own']],
    ['down', 'IA-1', 'all', ['AB-1 by down', 'AB-2 by down', 'AB-3 by down']],
    ['down', 'AB-1', 'IA-1', ['nobody may send so']],
    ['up', 'AB-1', 'all', ['IA-1 by up']],
    ['up', 'IA-1', 'all', ['nobody may send so']],
  ],
  '2e': [
    ['from-IA', 'IA-1', 'AB-3', ['AB-1 by from-IA, own', 'AB-2 by from-IA, own', 'AB-3 by from-IA, own']],
    ['from-IC', 'IC-1', 'AB-1', ['AB-1 by from-IC, own', 'AB-2 by from-IC, own', 'AB-3 by from-IC, own']],
    ['to-IC', 'AB-2', 'IC-1', ['IC-1 by to-IC, own']],
    ['siblings', 'AB-1', 'AB-2', ['AB-2 by siblings, own']],
    ['siblings', 'AB-1', 'all', ['AB-2 by siblings', 'AB-3 by siblings']],
  ],
  '2f': [
    ['wire', 'IA-1', 'AB-1', ['AB-1 by wire, own', 'AT-1 by tap, own']],
    ['wire', 'IA-1', 'all', ['AB-1 by wire', 'AT-1 by tap']],
    ['wire-back', 'AB-1', 'IA-1', ['IA-1 by wire-back, own']],
    ['tap', 'AT-1', 'AB-1', ['nobody may send so']],
  ],
  '2g': [
    ['13a', 'N1-1', 'N2-1', ['N2-1 by 13a, own', 'N4-1 by 13a']],
    ['13a', 'N2-1', 'N1-1', ['N1-1 by 13a, own', 'N4-1 by 13a']],
    ['13b', 'N2-1', 'N3-1', ['N3-1 by 13b, own', 'N4-1 by 13b']],
    ['13b', 'N3-1', 'all', ['N2-1 by 13b', 'N4-1 by 13b']],
  ],
};

describe('figures as examples, on a LAN', () => {
  it.each(Object.entries(FIGURES))('FG-567: figure %s: frames reach whom the figure says', (name, sent) => {
    const figure = new Figure(name);
    for (const [link, from, to, heard] of sent) {
      // Whoever was heard before is known to the LAN; what matters is whom frames reach then.
      if (to !== 'all') figure.hears(link, to, 'all');
      expect({ link, from, to, heard: figure.hears(link, from, to) }).toEqual({ link, from, to, heard });
    }
  });

  it('FG-567: figure 2c: the standby is connected while the primary is down, and the primary is not', () => {
    const figure = new Figure('2c', ['near']);
    expect(figure.hears('near', 'IA-1', 'all')).toEqual(['AB-2 by near']);
    expect(figure.hears('near', 'AB-2', 'all')).toEqual(['IA-1 by near']);
    expect(figure.hears('near', 'AB-1', 'all')).toEqual(['nobody may send so']);
    expect(figure.hears('far', 'IC-1', 'all')).toEqual(['AB-1 by far']);
  });

  it('FG-567: the figures show links of every kind', () => {
    const kinds = Object.keys(FIGURES).flatMap((name) => new Figure(name).kinds);
    expect([...new Set(kinds)].sort()).toEqual([
      'cable',
      'clustered',
      'hub',
      'replicated',
      'resilient',
      'star',
      'switch',
    ]);
  });
});
