import { encodeAgentAnswer } from '../../../../adapters/codec/agent-messages';
import { FlowgridError } from '../../../../domain/base/errors';
import type { Bus } from '../../../../domain/seams/bus';
import { LeaderLink } from '../../../../runtime/agent/leader-link';

/** A link whose leader answers with these heads, one after another; `undefined`: nobody answers. */
function linkTo(heads: readonly ([epoch: number, seq: number, hash: string] | Uint8Array | undefined)[]): LeaderLink {
  let next = 0;
  const request = async (): Promise<Uint8Array> => {
    const head = heads[next++];
    if (head === undefined) throw new FlowgridError('timeout', 'nobody answered');
    if (!Array.isArray(head)) return head;
    const [epoch, seq, hash] = head;
    return encodeAgentAnswer({ kind: 'register', epoch, seq, hash, accepted: true, why: '' });
  };
  return new LeaderLink({ request } as unknown as Bus, 'x', { agent: 'h', life: 1 }, 100);
}

const offer = { address: 'h:1', capacity: 1, functions: [], networks: [], pinned: [] };

async function believed(link: LeaderLink, times: number): Promise<boolean[]> {
  const answers: boolean[] = [];
  for (let i = 0; i < times; i++) answers.push((await link.ask('register', { offer })) !== undefined);
  return answers;
}

describe('what an agent believes', () => {
  it('FG-240: answers that extend the head it knows, and no others', async () => {
    const link = linkTo([
      [1, 5, 'a'],
      [1, 5, 'a'],
      [1, 4, 'z'],
      [2, 7, 'b'],
      [1, 8, 'c'],
      [3, 6, 'd'],
      [2, 7, 'x'],
      [2, 8, 'e'],
    ]);
    expect(await believed(link, 8)).toEqual([true, true, false, true, false, false, false, true]);
    expect(link.head).toEqual({ epoch: 2, seq: 8, hash: 'e' });
    expect(link.counts).toMatchObject({ asked: 8, outdated: 4 });
  });

  it('FG-241: neither silence nor rubbish', async () => {
    const silence = [undefined, undefined, undefined];
    const link = linkTo([...silence, Uint8Array.of(0xc1), Uint8Array.of(0x80), [1, 1, 'a']]);
    expect(await believed(link, 4)).toEqual([false, false, false, true]);
    expect(link.counts).toMatchObject({ asked: 6, unanswered: 3, malformed: 2 });
  });

  it('FG-241: what is said after a lost message, which is sent again at once', async () => {
    const link = linkTo([undefined, undefined, [1, 1, 'a']]);
    expect(await believed(link, 1)).toEqual([true]);
    expect(link.counts).toMatchObject({ asked: 3, unanswered: 2 });
  });
});
