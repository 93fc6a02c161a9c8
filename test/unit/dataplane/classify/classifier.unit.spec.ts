import { Classified } from '../../../../dataplane/classify/ports';
import { SF_END, SF_START } from '../../../../dataplane/frames/layout';
import { ACK, FIN, RST, SYN, answer, arp, icmp, later, tcp, udp } from './frames';
import { SECOND, SmallNode } from './small-node';

const web = { from: '10.0.0.1', to: '10.0.0.2', fromPort: 40000, toPort: 80 };
const dns = { from: '10.0.0.1', to: '10.0.0.53', fromPort: 5353, toPort: 53 };

describe('TCP connections', () => {
  it('FG-49, FG-51: begin with a SYN, run both ways in one flow, and close with a FIN from each end', () => {
    const node = new SmallNode();
    const syn = node.enter(tcp({ ...web, flags: SYN, seq: 100 }));
    expect(syn).toMatchObject({ result: Classified.newFlow, flow: 1, reverse: 0, flags: SF_START });
    expect(node.enter(tcp({ ...answer(web), flags: SYN | ACK, seq: 300, ack: 101 }))).toMatchObject({
      flow: 1,
      reverse: 1,
    });
    expect(node.enter(tcp({ ...web, flags: ACK | FIN, seq: 101 })).flags & SF_END).toBe(0);
    expect(node.enter(tcp({ ...answer(web), flags: ACK | FIN, seq: 301 })).flags & SF_END).toBe(SF_END);
    expect(node.enter(tcp({ ...web, flags: ACK, seq: 102 }), SECOND)).toMatchObject({ flow: 1, reverse: 0 });
    expect(node.ended).toEqual([]);
    node.classifier.expire(11 * SECOND, 256);
    expect(node.ended).toEqual([]);
    node.classifier.expire(11 * SECOND + 1, 256);
    expect(node.ended).toEqual([{ flow: 1, end: 'fin', last: true }]);
    expect(node.starts).toEqual(['syn']);
  });

  it('leave the slow path once their first bytes are no control protocol, and are then counted by the kernel', () => {
    const node = new SmallNode();
    const first = node.enter(tcp({ ...web, flags: SYN, seq: 100 }));
    expect(node.enter(tcp({ ...web, flags: ACK, seq: 101, text: 'SSH-2.0-x\r\n' })).result).toBe(
      Classified.established,
    );
    node.classifier.classify = () => {
      throw new Error('not on the slow path');
    };
    expect(node.enter(tcp({ ...web, flags: ACK, seq: 112, text: 'more' }))).toMatchObject({
      flow: first.flow,
      reason: 'none',
    });
  });

  it('FG-49: a SYN sent again belongs to its connection; one with a new sequence number opens another', () => {
    const node = new SmallNode();
    node.enter(tcp({ ...web, flags: SYN, seq: 100 }));
    expect(node.enter(tcp({ ...web, flags: SYN, seq: 100 })).result).toBe(Classified.established);
    expect(node.enter(tcp({ ...web, flags: SYN, seq: 7777 }))).toMatchObject({ result: Classified.newFlow, flow: 2 });
    expect(node.ended).toEqual([{ flow: 1, end: 'idle', last: true }]);
  });

  it('SYNs that cross open one connection, and so does a SYN that what follows it overtook', () => {
    const node = new SmallNode();
    node.enter(tcp({ ...web, flags: SYN, seq: 100 }));
    expect(node.enter(tcp({ ...answer(web), flags: SYN, seq: 900 })).flow).toBe(1);
    const late = { ...web, fromPort: 40001 };
    node.enter(tcp({ ...answer(late), flags: SYN | ACK, seq: 900, ack: 101 }));
    node.enter(tcp({ ...late, flags: ACK, seq: 101, text: 'GET / HTTP/1.1\r\n' }));
    expect(node.enter(tcp({ ...late, flags: SYN, seq: 100 })).flow).toBe(2);
    expect(node.enter(tcp({ ...late, flags: SYN, seq: 50 })).flow).toBe(3);
  });

  it('FG-49, FG-50: RST closes at once; silence ends the others after the time of their protocol', () => {
    const node = new SmallNode();
    node.enter(tcp({ ...web, flags: ACK, seq: 5 }));
    node.enter(tcp({ ...answer(web), flags: RST, seq: 9 }));
    node.enter(udp(dns));
    node.enter(icmp(dns, 8));
    node.classifier.expire(31 * SECOND, 256);
    node.classifier.expire(61 * SECOND, 256);
    expect(node.starts).toEqual(['midstream', 'first-packet', 'first-packet']);
    expect(node.ended.map(({ flow, end }) => [flow, end]).sort()).toEqual([
      [1, 'rst'],
      [2, 'idle'],
      [3, 'idle'],
    ]);
  });
});

describe('other frames', () => {
  it('FG-52: networks and VLANs keep equal addresses apart', () => {
    const node = new SmallNode();
    const flows = [
      node.enter(udp(dns), 0, 1).flow,
      node.enter(udp(dns), 0, 2).flow,
      node.enter(udp({ ...dns, vlan: 7 }), 0, 1).flow,
      node.enter(udp(answer(dns)), 0, 1).flow,
    ];
    expect(flows).toEqual([1, 2, 3, 1]);
  });

  it('FG-55: frames that are not IP are flows of their MAC pair', () => {
    const node = new SmallNode();
    expect(node.enter(arp(1, 2))).toMatchObject({ result: Classified.newFlow, flow: 1, reverse: 0 });
    expect(node.enter(arp(2, 1))).toMatchObject({ result: Classified.established, flow: 1, reverse: 1 });
    expect(node.enter(arp(1, 3)).flow).toBe(2);
  });

  it('a flow that is refused leaves no connection behind', () => {
    const node = new SmallNode();
    node.refuse = true;
    expect(node.enter(udp(dns))).toMatchObject({ result: Classified.dropped, reason: 'no-path' });
    expect(node.connections.size).toBe(0);
  });

  it('a full table makes room of what has ended, and otherwise says so', () => {
    const node = new SmallNode({ capacity: 4 });
    const ports = [1, 2];
    for (const fromPort of ports) node.enter(udp({ ...dns, fromPort }));
    expect(node.enter(udp({ ...dns, fromPort: 3 }), 1)).toMatchObject({
      result: Classified.dropped,
      reason: 'table-full',
    });
    expect(node.enter(udp({ ...dns, fromPort: 4 }), 61 * SECOND).result).toBe(Classified.newFlow);
    node.classifier.close();
    expect(node.ended.map(({ end }) => end)).toEqual(['idle', 'idle', 'eof']);
    expect(node.connections.size + node.flows.size).toBe(0);
  });
});

describe('fragments', () => {
  const first = { id: 77, offset: 0, more: true };
  const second = { id: 77, offset: 6, more: false };

  it('FG-53: follow their first one, also on an established connection', () => {
    const node = new SmallNode();
    node.enter(udp(dns));
    node.enter(udp(dns, 'x'.repeat(40), first));
    expect(node.enter(later(dns, second))).toMatchObject({ result: Classified.established, flow: 1, reverse: 0 });
    expect(node.enter(later(answer(dns), second)).result).toBe(Classified.held);
  });

  it('FG-53: wait for it, and are released in order when it comes', () => {
    const node = new SmallNode();
    const early = [node.enter(later(dns, second)), node.enter(later(dns, { ...second, offset: 12 }))];
    expect(early.map(({ result }) => result)).toEqual([Classified.held, Classified.held]);
    expect(node.enter(udp(dns, '', first)).flow).toBe(1);
    expect(node.released).toEqual(early.map(({ slot }) => slot));
    expect(node.released.map((slot) => node.again(slot).flow)).toEqual([1, 1]);
  });

  it('FG-53: travel as their own flow after 30 ms, or when too many wait', () => {
    const node = new SmallNode({ fragments: { perDatagram: 2 } });
    const held = node.enter(later(dns, second), 0);
    node.classifier.expire(29_999, 1);
    expect(node.released).toEqual([]);
    node.classifier.expire(30_000, 1);
    expect(node.again(held.slot, 30_000)).toMatchObject({ result: Classified.newFlow, flow: 1 });
    const other = { ...second, id: 78 };
    node.enter(later(dns, other), 40_000);
    node.enter(later(dns, other), 40_000);
    expect(node.enter(later(dns, other), 40_000)).toMatchObject({ result: Classified.established, flow: 1 });
    expect(node.released).toHaveLength(3);
  });

  it('of a connection that has ended wait again', () => {
    const node = new SmallNode();
    node.enter(udp(dns, '', first));
    node.classifier.expire(61 * SECOND, 256);
    node.enter(udp({ ...dns, fromPort: 9 }), 62 * SECOND);
    expect(node.enter(later(dns, second), 62 * SECOND).result).toBe(Classified.held);
  });
});

describe('ICMP errors', () => {
  const router = { from: '10.9.9.9', to: '10.0.0.1' };

  it('FG-54: follow the connection they quote, against the quoted packet', () => {
    const node = new SmallNode();
    node.enter(udp(dns), 0, 1);
    const flow = node.enter(udp(dns), 0, 1);
    node.leave(udp(dns), node.flows.find(flow.flow), false, 0, 2);
    expect(node.enter(icmp(router, 11, udp(dns)), 0, 2)).toMatchObject({
      result: Classified.established,
      flow: 1,
      reverse: 1,
    });
  });

  it('FG-54: from the side they would have to leave to, or about strangers, are flows of their own', () => {
    const node = new SmallNode();
    node.enter(udp(dns), 0, 1);
    expect(node.enter(icmp(router, 11, udp(dns)), 0, 1)).toMatchObject({ result: Classified.newFlow, flow: 2 });
    const stranger = udp({ ...dns, fromPort: 1 });
    expect(node.enter(icmp({ ...router, from: '10.9.9.8' }, 3, stranger), 0, 2).flow).toBe(3);
    expect(node.enter(icmp({ ...router, from: '10.9.9.7' }, 3), 0, 2).flow).toBe(4);
  });
});

describe('frames that leave', () => {
  it('make the replies known, in the flow’s reverse direction', () => {
    const node = new SmallNode({ firstFlow: 500 });
    const flow = node.adopt(7);
    expect(node.leave(tcp({ ...web, flags: SYN, seq: 1 }), flow, false)).toBe(true);
    const reply = node.enter(tcp({ ...answer(web), flags: SYN | ACK, seq: 1, ack: 2 }), 0, 2);
    expect(reply).toMatchObject({ result: Classified.established, flow: 7, reverse: 1 });
    expect(node.starts).toEqual([]);
  });

  it('against the flow’s direction make what comes the other way forward', () => {
    const node = new SmallNode();
    const flow = node.adopt(7);
    node.leave(udp(dns), flow, true, 0, 1);
    expect(node.enter(udp(answer(dns)), 0, 1)).toMatchObject({ flow: 7, reverse: 0 });
  });

  it('under another flow than before end the connection, and with it a flow that has no other', () => {
    const node = new SmallNode();
    node.leave(udp(dns), node.adopt(7), false);
    node.leave(udp(dns), node.adopt(8), false);
    expect(node.enter(udp(answer(dns)), 0, 2).flow).toBe(8);
    expect(node.ended).toEqual([{ flow: 7, end: 'idle', last: true }]);
  });
});
