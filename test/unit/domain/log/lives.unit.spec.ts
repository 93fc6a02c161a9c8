import { anchorFlows } from '../../../../domain/log/decide';
import { evolveAnchors, type Anchors } from '../../../../domain/log/evolve';
import { LIVES_KEPT, settledChains } from '../../../../domain/log/lives';
import { initialState } from '../../../../domain/grid-state';

const LIVES = 100;

describe('anchors of flow chains', () => {
  test('of a node that comes back again and again, the state remembers those of its latest lives alone', () => {
    let anchors: Anchors = {};
    for (let life = 1; life <= LIVES; life++) {
      const state = { ...initialState(), anchors };
      const grown = [
        { chain: `1/1@${life}`, number: 3, hash: `h${life}` },
        { chain: '2/1@1', number: life, hash: `g${life}` },
      ];
      const [event] = anchorFlows(state, grown) as Extract<ReturnType<typeof anchorFlows>, readonly unknown[]>;
      expect(event!.data.anchors).toHaveLength(2);
      anchors = evolveAnchors(anchors, event!);
      expect(Object.keys(anchors).length).toBeLessThanOrEqual(LIVES_KEPT + 1);
    }
    expect(Object.keys(anchors).sort()).toEqual([`1/1@${LIVES}`, `1/1@${LIVES - 1}`, '2/1@1'].sort());
  });

  test('what is told of a life long over is anchored no more, so that it does not come back', () => {
    const anchors: Anchors = { '1/1@8': { number: 1, hash: 'a' }, '1/1@9': { number: 1, hash: 'b' } };
    const state = { ...initialState(), anchors };
    expect(anchorFlows(state, [{ chain: '1/1@2', number: 9, hash: 'c' }])).toEqual([]);
    expect(anchorFlows(state, [{ chain: '1/1@8', number: 2, hash: 'c' }])).toHaveLength(1);
    // Numbers, not texts, are compared: the tenth life is newer than the ninth.
    expect([...settledChains(['1/1@10', '1/1@9', '1/1@2', '1/10@1'])]).toEqual(['1/1@2']);
  });
});
