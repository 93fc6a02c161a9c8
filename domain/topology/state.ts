import type { ChainId, Millis, Seq, WireId } from '../base/ids';
import type { Topology } from './topology';

/** A topology that flows may live under: published and not yet retired. */
export interface LiveTopology {
  readonly version: number;
  readonly wireId: WireId;
  /** The commit that published it: where its whole text is found. */
  readonly seq: Seq;
  readonly publishedAt: Millis;
  /** When all live nodes had acknowledged it; 0 = not yet. */
  readonly appliedAt: Millis;
  /** Flows allocated by an FNODE that died may live until then, although nobody reports them; 0 = no such flows. */
  readonly heldUntil: Millis;
  /** Version whose wire ID its flows were asked to move to; 0 = they were not. */
  readonly repinTo: number;
}

/** A life of a node that is over, and the newest topology that can name it. */
export interface DeadLife {
  readonly chain: ChainId;
  readonly version: number;
}

export interface TopologyState {
  /** Version of the newest topology; 0 before the first. */
  readonly version: number;
  readonly latest: Topology | null;
  /** Oldest first. */
  readonly live: readonly LiveTopology[];
  /** Wire IDs that nothing carries any more, but that are not given again before `freeAt`. */
  readonly quarantine: readonly { readonly wireId: WireId; readonly freeAt: Millis }[];
  readonly dead: readonly DeadLife[];
  /** FNODE numbers whose flow IDs may still be alive. */
  readonly heldFnodes: readonly { readonly fnode: number; readonly freeAt: Millis }[];
}

export const NO_TOPOLOGY: TopologyState = {
  version: 0,
  latest: null,
  live: [],
  quarantine: [],
  dead: [],
  heldFnodes: [],
};

/** The newest topology that FNODEs stamp; undefined before the first is applied. */
export function stampedTopology(state: TopologyState): LiveTopology | undefined {
  return state.live.findLast((topology) => topology.appliedAt !== 0);
}

export function liveTopology(state: TopologyState, version: number): LiveTopology | undefined {
  return state.live.find((topology) => topology.version === version);
}
