import { decide } from '../../../../domain/decide';
import type { CommandBody } from '../../../../domain/commands';
import { isFlowgridError } from '../../../../domain/base/errors';
import { nodeRef } from '../../../../domain/base/ids';
import { isRejection } from '../../../../domain/message';
import type { Probe } from '../../../../domain/probe/events';
import { isAttached } from '../../../../domain/probe/decide';
import { probePlaces } from '../../../../domain/probe/points';
import { twoStages } from '../../../support/topologies';
import { and, givenSmallGrid, NOW } from '../given';

const link: CommandBody = {
  type: 'CreateVirtualLink',
  data: { id: 1, name: 'VN-1', kind: 'switch', members: [{ cluster: 1 }, { cluster: 2 }], control: false, mtu: 9000 },
};
const PROBE: Probe = { id: 7, name: 'VN-1', link: 1, node: 0, view: 'raw', collector: 'operator:alice/1' };
const attach = (probe: Partial<Probe>): CommandBody => ({ type: 'AttachProbe', data: { ...PROBE, ...probe } });
const grid = and(givenSmallGrid(), link);

function refusal(state: typeof grid, body: CommandBody): string {
  const decision = decide(state, { id: 'c', by: 'operator:alice', at: NOW, deadline: NOW + 1000, body });
  return isRejection(decision) ? `${decision.reason}: ${decision.message}` : `events: ${decision.length}`;
}

describe('FG-520: a probe point is attached', () => {
  it('to a link, to the interface of one member of a cluster, with a filter and a ring', () => {
    expect(refusal(grid, attach({}))).toBe('events: 1');
    expect(refusal(grid, attach({ node: nodeRef(2, 1), filter: 'tcp port 80', ringBytes: 65_536 }))).toBe('events: 1');
    expect(and(grid, attach({})).links.probes).toEqual({ 7: PROBE });
    expect(and(grid, attach({}), { type: 'DetachProbe', data: { probe: 7 } }).links.probes).toEqual({});
  });

  it('not where there is no link, node or interface, nor with what cannot be', () => {
    expect(refusal(grid, attach({ link: 9 }))).toBe('not-found: probe VN-1: there is no link 9');
    expect(refusal(grid, attach({ node: nodeRef(9, 1) }))).toBe('not-found: probe VN-1: there is no node 9/1');
    expect(refusal(grid, attach({ node: nodeRef(3, 1) }))).toMatch(/has no interface on link VN-1$/);
    expect(refusal(grid, attach({ ringBytes: 100 }))).toMatch(/^invalid: .*65536 to 67108864 bytes, not 100$/);
    expect(refusal(grid, attach({ filter: 'tcp prot 80' }))).toMatch(/^invalid: .*column 5/);
    expect(refusal(and(grid, attach({})), attach({ name: 'other' }))).toMatch(/^exists/);
  });

  it('no more than a grid has at once', () => {
    const full = Array.from({ length: 64 }, (_, i) => attach({ id: i + 1 })).reduce(
      (state, body) => and(state, body),
      grid,
    );
    expect(refusal(full, attach({ id: 99 }))).toMatch(/^none-free: probe VN-1: 64 probe points/);
  });
});

describe('FG-535: a probe point is attached where a network joins', () => {
  const border = (more: Partial<Probe>): CommandBody => attach({ name: 'EN-1', link: 0, network: 1, ...more });

  it('as a whole, and at one of its INODEs', () => {
    expect(refusal(grid, border({}))).toBe('events: 1');
    expect(refusal(grid, border({ node: nodeRef(1, 1) }))).toBe('events: 1');
  });

  it('not where there is no network, at a node that it does not join, or on a link as well', () => {
    expect(refusal(grid, border({ network: 9 }))).toBe('not-found: probe EN-1: there is no network 9');
    expect(refusal(grid, border({ node: nodeRef(2, 1) }))).toMatch(/has no interface on network EN-1$/);
    expect(refusal(grid, border({ link: 1 }))).toMatch(/^invalid: .*not both$/);
  });

  it('and what the log holds of it is all that counts', () => {
    const attached = and(grid, border({}));
    const data: Probe = { ...PROBE, name: 'EN-1', link: 0, network: 1 };
    expect(isAttached(attached, data)).toBe(true);
    expect(isAttached(attached, { ...data, network: 2 })).toBe(false);
    expect(isAttached(grid, data)).toBe(false);
  });
});

describe('FG-535: networks are points, whether or not a link joins them', () => {
  const topology = twoStages({ nodes: 2 });
  const named = (text: string): string[] => probePlaces(topology, text).map(({ name }) => name);

  it('by their names, and at each INODE', () => {
    const [network] = topology.networks;
    const inode = nodeRef(network!.cluster, 1);
    const { name, id } = network!;
    expect(probePlaces(topology, name)).toEqual([{ name, link: 0, network: id, node: 0 }]);
    expect(probePlaces(topology, `network:${name}`)).toEqual(probePlaces(topology, name));
    expect(probePlaces(topology, `IA-1@${name}`)).toEqual([
      { name: `IA-1@${name}`, link: 0, network: id, node: inode },
    ]);
    expect(named('IA-1')).toContain(`IA-1@${name}`);
    expect(() => named(`AB-1@${name}`)).toThrow('has no interface');
  });

  it('and one that a link joins is no second interface of its INODEs', () => {
    const [{ id, name, cluster }] = topology.networks as [(typeof topology.networks)[number]];
    const external = { ...topology.links[0]!, id: 9, name: 'VN-9', kind: 'external' } as const;
    const members = [{ network: id }, { cluster }];
    const joined = { ...topology, links: [...topology.links, { ...external, members }] };
    const places = probePlaces(joined, 'IA-1').map((place) => place.name);
    expect(places).toContain('IA-1@VN-9');
    expect(places).not.toContain(`IA-1@${name}`);
    expect(probePlaces(joined, name)).toHaveLength(1);
  });
});

describe('FG-520: places are named as the grid names them', () => {
  const topology = twoStages({ nodes: 2 });
  const named = (text: string): string[] => probePlaces(topology, text).map(({ name }) => name);

  it('links, interfaces, nodes, clusters', () => {
    expect(probePlaces(topology, 'VN-2')).toEqual([{ name: 'VN-2', link: 2, node: 0 }]);
    expect(probePlaces(topology, 'AB-2@VN-1')).toEqual([{ name: 'AB-2@VN-1', link: 1, node: nodeRef(5, 2) }]);
    expect(named('AB-2')).toEqual(['AB-2@VN-1', 'AB-2@VN-2']);
    expect(named('AB')).toEqual(['AB-1@VN-1', 'AB-1@VN-2', 'AB-2@VN-1', 'AB-2@VN-2']);
  });

  it('with a word in front where two things have one name', () => {
    const links = topology.links.map((each) => (each.id === 1 ? { ...each, name: 'AB' } : each));
    const confusing = { ...topology, links };
    expect(() => probePlaces(confusing, 'AB')).toThrow('AB is the name of a link and of a cluster');
    expect(probePlaces(confusing, 'link:AB')).toEqual([{ name: 'AB', link: 1, node: 0 }]);
    expect(probePlaces(confusing, 'cluster:AB')).toHaveLength(4);
  });

  it('and those that are not there are answered by the nearest', () => {
    try {
      probePlaces(topology, 'AB-9@VN-1');
      throw new Error('found');
    } catch (error) {
      expect(isFlowgridError(error, 'not-found')).toBe(true);
      expect((error as { remedy?: string }).remedy).toContain('perhaps AB-1?');
    }
    expect(() => probePlaces(topology, 'IA-1@VN-3')).toThrow('has no interface');
  });
});
