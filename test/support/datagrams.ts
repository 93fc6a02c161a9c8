/**
 * Ethernet frames that hold a UDP datagram of a flow: from the client, `question`; back from the server, `answer`. Number
 * and flow stand in the payload, so that no two frames are the same.
 */
export function question(flow: number, n: number): Buffer {
  return datagram(flow, n, false);
}

/** The server's answer to a question that arrived. */
export function answer(asked: Buffer): Buffer {
  return datagram(asked.readUInt32BE(42), asked.readUInt32BE(46), true);
}

function datagram(flow: number, n: number, isAnswer: boolean): Buffer {
  const client = Buffer.from([10, 0, flow >>> 8, flow & 0xff]);
  const server = Buffer.from([172, 16, 0, 1]);
  const frame = Buffer.alloc(14 + 20 + 8 + 32);
  const [from, to] = isAnswer ? [server, client] : [client, server];
  frame.set([0x02, 0, 0, 0, 0, isAnswer ? 1 : 2, 0x02, 0, 0, 0, 0, isAnswer ? 2 : 1, 0x08, 0x00]);
  frame.set([0x45, 0, 0, 60, 0, 0, 0x40, 0, 64, 17, 0, 0, ...from, ...to], 14);
  frame.writeUInt16BE(isAnswer ? 53 : 4000, 34);
  frame.writeUInt16BE(isAnswer ? 4000 : 53, 36);
  frame.writeUInt16BE(40, 38);
  frame.writeUInt32BE(flow, 42);
  frame.writeUInt32BE(n, 46);
  return frame;
}
