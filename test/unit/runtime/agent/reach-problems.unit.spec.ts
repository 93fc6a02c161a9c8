import { reachProblems } from '../../../../runtime/agent/reach-problems';
import { link } from '../../domain/link/link-grid';

const AGENTS = [
  { name: 'a', address: 'lan/eth1' },
  { name: 'b', address: '10.0.0.2:7000' },
];
const LINKS = [link({ mtu: 9_000 }), link({ id: 2, mtu: 1_500 }), link({ id: 3, kind: 'external', mtu: 9_000 })];

describe('what does not fit how an agent reaches others', () => {
  it('FG-582: agents that are reached in other ways are named, from both sides', () => {
    expect(reachProblems({ agents: AGENTS, links: [] }, { agent: 'a', address: 'lan/eth1' })).toEqual([
      expect.stringContaining('agent b is reached by UDP and this one on a LAN'),
    ]);
    expect(reachProblems({ agents: AGENTS, links: [] }, { agent: 'b', address: '10.0.0.2:7000' })).toEqual([
      expect.stringContaining('agent a is reached on a LAN and this one by UDP'),
    ]);
    expect(reachProblems({ agents: AGENTS.slice(0, 1), links: [] }, { agent: 'c', address: 'lan/lan0' })).toEqual([]);
    expect(reachProblems({ links: [] }, { agent: 'c', address: 'lan/lan0' })).toEqual([]);
  });

  it('FG-582: links whose frames are longer than the interface takes are named', () => {
    expect(reachProblems({ links: LINKS }, { agent: 'a', address: 'lan/eth1', mtu: 1_500 })).toEqual([
      expect.stringMatching(/^VN-1: frames of up to 9000 bytes, and the interface takes 1500: .* an MTU of 9000/),
    ]);
    expect(reachProblems({ links: LINKS }, { agent: 'a', address: 'lan/eth1', mtu: 9_000 })).toEqual([]);
    expect(reachProblems({ links: LINKS }, { agent: 'a', address: '10.0.0.1:1' })).toEqual([]);
  });
});
