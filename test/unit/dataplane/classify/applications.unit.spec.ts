import { Classified } from '../../../../dataplane/classify/ports';
import type { FlowPolicy } from '../../../../domain/topology/topology';
import { ACK, PSH, SYN, type Ends, answer, tcp, udp } from './frames';
import { SECOND, SmallNode } from './small-node';

const control = { from: '10.0.0.1', to: '10.0.0.2', fromPort: 40000, toPort: 21 };

/** One control connection: what each end says, in order, with sequence numbers kept. */
class Talk {
  private readonly next = [1001, 5001];
  constructor(
    private readonly node: SmallNode,
    private readonly ends: Ends = control,
    private readonly network = 1,
  ) {
    node.enter(tcp({ ...ends, flags: SYN, seq: 1000 }), 0, network);
    node.enter(tcp({ ...answer(ends), flags: SYN | ACK, seq: 5000, ack: 1001 }), 0, network);
  }
  client(text: string): this {
    return this.say(0, text);
  }
  server(text: string): this {
    return this.say(1, text);
  }
  /** Sends bytes at a place relative to what was said last, without moving on. */
  at(end: 0 | 1, offset: number, text: string): this {
    const ends = end === 0 ? this.ends : answer(this.ends);
    this.node.enter(
      tcp({ ...ends, flags: ACK | PSH, seq: this.next[end] + offset, ack: this.next[1 - end], text }),
      0,
      this.network,
    );
    return this;
  }
  skip(end: 0 | 1, bytes: number): this {
    this.next[end] += bytes;
    return this;
  }
  private say(end: 0 | 1, text: string): this {
    return this.at(end, 0, text).skip(end, text.length);
  }
}

function opened(node: SmallNode, ends: Ends): { result: number; flow: number; reverse: number } {
  return node.enter(tcp({ ...ends, flags: SYN, seq: 1 }));
}

const passive = { from: control.from, to: control.to, fromPort: 40001, toPort: 20 * 256 + 5 };
const active = { from: control.to, to: control.from, fromPort: 20, toPort: 20 * 256 + 6 };

describe('FTP', () => {
  it.each([
    ['PASV', '227 Entering Passive Mode (10,0,0,2,20,5).\r\n', 'server', passive, 0],
    ['EPSV', '229 Entering Extended Passive Mode (|||5125|)\r\n', 'server', passive, 0],
    ['PORT', 'PORT 10,0,0,1,20,6\r\n', 'client', active, 1],
    ['EPRT', 'EPRT |1|10.0.0.1|5126|\r\n', 'client', active, 1],
  ] as const)('FG-57: %s: the data connection joins the flow, in its direction', (_name, line, who, data, reverse) => {
    const node = new SmallNode();
    new Talk(node).server('220 ready\r\n').client('USER x\r\n')[who](line);
    expect(opened(node, data)).toMatchObject({ result: Classified.newConnection, flow: 1, reverse });
    expect(opened(node, { ...data, fromPort: 3 }).flow).toBe(2);
    expect(node.applications).toEqual(['ftp']);
  });

  it('FG-57: lines split, repeated, out of order and on any port', () => {
    const node = new SmallNode();
    const talk = new Talk(node, { ...control, toPort: 443 })
      .server('220-hello\r\n220 you\r\n')
      .client('US')
      .client('ER x\r\n');
    const line = '227 Passive (10,0,0,2,20,5)\r\n';
    talk.at(1, 10, line.slice(10)).at(1, 0, line.slice(0, 4)).at(1, 0, line.slice(0, 7)).at(1, 4, line.slice(4, 12));
    expect(opened(node, passive)).toMatchObject({ result: Classified.newConnection, flow: 1 });
    expect(node.expectations).toHaveLength(1);
  });

  it('a hole that the other end has acknowledged does not stop the reading', () => {
    const node = new SmallNode();
    const talk = new Talk(node).server('220 ready\r\n').client('USER x\r\n').skip(1, 30);
    talk.server('227 (10,0,0,2,20,5)\r\n');
    expect(node.expectations).toHaveLength(0);
    talk.client('LIST\r\n');
    expect(node.expectations).toHaveLength(1);
  });

  it('is read where a capture begins in its middle', () => {
    const node = new SmallNode();
    node.enter(tcp({ ...control, flags: ACK | PSH, seq: 77, ack: 9, text: 'PORT 10,0,0,1,20,6\r\n' }));
    expect(opened(node, active)).toMatchObject({ flow: 1, reverse: 1 });
  });

  it('FG-58: nobody can announce a third party, or for one', () => {
    const node = new SmallNode();
    new Talk(node)
      .server('220 ready\r\n')
      .client('USER x\r\n')
      .client('PORT 10,0,0,77,20,6\r\n')
      .server('227 (10,0,0,1,20,6)\r\n');
    expect(node.expectations).toEqual([]);
    new Talk(node, { ...control, fromPort: 40009 }).client('PASV\r\n').server('227 (10,0,0,2,20,5)\r\n');
    expect(opened(node, { ...passive, from: '10.0.0.99' }).result).toBe(Classified.newFlow);
    // The stranger did not use it up.
    expect(opened(node, passive).result).toBe(Classified.newConnection);
  });

  it('FG-59: a connection that came before its announcement stays in its own flow', () => {
    const node = new SmallNode();
    const talk = new Talk(node).server('220 ready\r\n').client('USER x\r\n');
    expect(opened(node, passive)).toMatchObject({ result: Classified.newFlow, flow: 2 });
    talk.server('227 (10,0,0,2,20,5)\r\n');
    expect(opened(node, passive)).toMatchObject({ result: Classified.established, flow: 2 });
    expect(node.enter(tcp({ ...answer(passive), flags: SYN | ACK, seq: 1 })).flow).toBe(2);
  });

  it('after AUTH TLS nothing is read any more', () => {
    const node = new SmallNode();
    new Talk(node)
      .server('220 ready\r\n')
      .client('AUTH TLS\r\n')
      .server('234 go\r\n')
      .server('227 (10,0,0,2,20,5)\r\n');
    expect(node.expectations).toEqual([]);
  });

  it('other protocols and lies are left alone', () => {
    const node = new SmallNode();
    new Talk(node).server('220 mail ESMTP\r\n').client('EHLO x\r\n').server('227 (10,0,0,2,20,5)\r\n');
    new Talk(node, { ...control, fromPort: 2 })
      .server('220 x\r\n')
      .client('USER x\r\n')
      .server('227 (10,0,0,2,999,5)\r\n');
    new Talk(node, { ...control, fromPort: 3 })
      .client('EPRT |2|10.0.0.1|5126|\r\n')
      .client('EPRT |1|10.0.0.1|99999|\r\n');
    expect(node.expectations).toEqual([]);
  });

  it('FG-60: the flow ends with its last connection, and its expectations with it', () => {
    const node = new SmallNode();
    new Talk(node).server('220 x\r\n').client('EPSV\r\n').server('229 (|||5125|)\r\n').server('229 (|||5126|)\r\n');
    opened(node, passive);
    const data = node.connections.size;
    node.classifier.expire(3601 * SECOND, 256);
    expect(data - node.connections.size).toBe(2);
    expect(node.ended.map(({ last }) => last)).toEqual([false, true]);
    expect(node.enter(tcp({ ...passive, toPort: 5126, flags: SYN }), 200 * SECOND).result).toBe(Classified.newFlow);
  });

  it('what one INODE hears leaving, another expects', () => {
    const ingress = new SmallNode();
    const flow = ingress.adopt(7);
    const say = (text: string, seq: number): boolean =>
      ingress.leave(tcp({ ...control, flags: ACK | PSH, seq, ack: 1, text }), flow, false);
    say('USER x\r\n', 100);
    say('PORT 10,0,0,1,20,6\r\n', 108);
    expect(ingress.expectations).toMatchObject([
      { flowId: 7, network: 2, towardsInitiator: true, typeName: 'ftp-data' },
    ]);
    const egress = new SmallNode();
    egress.adopt(7);
    egress.classifier.expect(ingress.expectations[0]);
    const data = egress.enter(tcp({ ...active, flags: SYN }), 0, 2);
    expect(data).toMatchObject({ result: Classified.newConnection, flow: 7, reverse: 1 });
  });
});

describe('SIP', () => {
  const call = { from: '10.0.0.1', to: '10.0.0.2', fromPort: 5060, toPort: 5060 };
  const invite = (address: string, port: number): string =>
    `INVITE sip:b@x SIP/2.0\r\nContent-Type: application/sdp\r\n\r\nv=0\r\nc=IN IP4 ${address}\r\nm=audio ${port} RTP/AVP 0\r\n`;

  it('RTP and RTCP at the announced endpoint join the call’s flow, whoever sends first', () => {
    const node = new SmallNode();
    node.enter(udp(call, invite('10.0.0.1', 4000)));
    const rtp = { from: '10.0.0.9', to: '10.0.0.1', fromPort: 9, toPort: 4000 };
    expect(node.enter(udp(rtp))).toMatchObject({ result: Classified.newConnection, flow: 1, reverse: 1 });
    const rtcp = { from: '10.0.0.1', to: '10.0.0.9', fromPort: 4001, toPort: 10 };
    expect(node.enter(udp(rtcp))).toMatchObject({ result: Classified.newConnection, flow: 1, reverse: 0 });
    expect(node.expectations.map(({ typeName }) => typeName)).toEqual(['rtp', 'rtcp']);
  });

  it('an address that is not the speaker’s is not believed', () => {
    const node = new SmallNode();
    node.enter(udp(call, invite('10.0.0.66', 4000)));
    expect(node.expectations).toEqual([]);
  });
});

describe('policies that ask for a name', () => {
  const policy = (id: number, match: FlowPolicy['match']): FlowPolicy => ({
    id,
    name: `p${id}`,
    flowType: id + 1,
    typeName: `t${id}`,
    match,
    paths: [],
    criteria: 'static',
  });
  const policies = [policy(0, { sni: ['*.example.org'] }), policy(1, { httpHost: ['shop.*'] }), policy(2, {})];
  const web = { from: '10.0.0.1', to: '10.0.0.2', fromPort: 40000, toPort: 443 };

  it('FG-67: choose when TLS names the server, in a ClientHello over several segments and records', () => {
    const node = new SmallNode({ policies });
    const hello = clientHello('www.Example.org');
    const talk = new Talk(node, web);
    const text = String.fromCharCode(...hello);
    for (let at = 0; at < text.length; at += 13) talk.client(text.slice(at, at + 13));
    expect([node.policiesChosen, node.refinements, node.applications]).toEqual([[2], [0], ['tls']]);
  });

  it('FG-67: choose when HTTP names the host', () => {
    const node = new SmallNode({ policies });
    new Talk(node, web).client('GET / HT').client('TP/1.1\r\nAccept: x\r\nHo').client('st: SHOP.test:8080\r\n\r\n');
    expect([node.refinements, node.applications]).toEqual([[1], ['http']]);
  });

  it('leave what has another name at the policy it was given', () => {
    const node = new SmallNode({ policies });
    new Talk(node, web).client('GET / HTTP/1.1\r\nHost: other.test\r\n\r\n');
    expect([node.policiesChosen, node.refinements]).toEqual([[2], [2]]);
  });
});

/** A ClientHello in two records of unequal length. */
function clientHello(name: string): number[] {
  const host = [...name].map((character) => character.charCodeAt(0));
  const u16 = (value: number): number[] => [value >>> 8, value & 0xff];
  const sni = [0, 0, ...u16(host.length + 5), ...u16(host.length + 3), 0, ...u16(host.length), ...host];
  const extensions = [0, 23, 0, 0, ...sni];
  const body = [
    3,
    3,
    ...new Array<number>(32).fill(7),
    1,
    9,
    0,
    2,
    0x13,
    1,
    1,
    0,
    ...u16(extensions.length),
    ...extensions,
  ];
  const message = [1, 0, ...u16(body.length), ...body];
  const record = (part: number[]): number[] => [22, 3, 1, ...u16(part.length), ...part];
  return [...record(message.slice(0, 20)), ...record(message.slice(20))];
}
