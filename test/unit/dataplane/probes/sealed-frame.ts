import { nodeRef } from '../../../../domain/base/ids';
import { freshPath, trailerV1, type DescriptorFields } from '../../../../dataplane/descriptor/codec';

const KEY = new Uint8Array(16).fill(3);
const NOBODY = new Uint8Array(6);

/** A frame of 60 bytes with a descriptor, as one node sends it to another. */
export function sealedFrame(fields: Partial<DescriptorFields>, from = nodeRef(1, 1), to = nodeRef(5, 2)): Uint8Array {
  const frame = new Uint8Array(60);
  frame.set([0x02, 0, 0x5e, 0, 0x53, 2, 0x02, 0, 0x5e, 0, 0x53, 1, 0x88, 0xb5]);
  const all: DescriptorFields = {
    destination: NOBODY,
    source: NOBODY,
    flags: 0,
    wireId: 1,
    flowType: 5,
    flowId: 1,
    sequence: 1,
    ingressTime: 0,
    path: freshPath([from, to]),
    ...fields,
  };
  return trailerV1.seal(frame, all, from, KEY, to);
}
