import type { NodeRef } from '../../domain/base/ids';
import type { Classifier } from '../classify/classifier';
import { FragmentKey, laterFragmentHash } from '../classify/fragment-key';
import type { Arena } from '../frames/arena';
import { S_HASH } from '../frames/layout';
import { expandSeed } from '../headers/key-hash';
import { CONTROL_FIRST_FRAGMENT, type ControlCursor } from './control-frames';
import type { HomeDuty } from './duty';
import type { Node } from './node';

/**
 * Fragments of one datagram that reach different INODEs of a network. A later fragment has no ports, so that only who
 * carried the first one can place it. That INODE tells the home of the later ones' key, to which others pass them: they
 * wait there for its word, and go where the first one went.
 */
export class FirstFragments {
  private readonly key = new FragmentKey();
  private seed = -1;
  private seedWords: Uint32Array = new Uint32Array(0);

  constructor(
    private readonly node: Node,
    private readonly duty: HomeDuty,
  ) {}

  /** This INODE carries the first fragment in a slot. `seed` keys the flow hash. */
  tell(address: number, seed: number): void {
    const { ctx, control, incarnation, ref } = this.node;
    if (this.duty.peers().length === 0) return;
    const home = this.duty.homeOf(laterFragmentHash(ctx.arena, address, this.wordsOf(seed)));
    if (home === ref || !control.begin(incarnation)) return;
    const datagram = this.key.of(ctx.arena, address);
    for (let i = 0; i < datagram.length; i++) control.u16(datagram.charCodeAt(i));
    control.send(ref, home, CONTROL_FIRST_FRAGMENT, 0);
  }

  /** `FIRST_FRAGMENT`. */
  onTold(classifier: Classifier, body: ControlCursor, from: NodeRef): void {
    const units = Array.from({ length: body.left >>> 1 }, () => body.readU16());
    classifier.firstElsewhere(String.fromCharCode(...units), from, this.node.ctx.now);
  }

  /** Who is to take a later fragment: who carried the first one, if that is known here and lives, else its home. */
  targetOf(classifier: Classifier, arena: Arena, address: number): NodeRef {
    const { ref } = this.node;
    const carrier = classifier.carrierOf(address, ref);
    if (carrier === ref || (carrier !== 0 && this.duty.peers().includes(carrier))) return carrier;
    return this.duty.homeOf(arena.u32[(address + S_HASH) >>> 2]);
  }

  private wordsOf(seed: number): Uint32Array {
    if (this.seed !== seed) {
      this.seed = seed;
      this.seedWords = expandSeed(seed, ~seed >>> 0);
    }
    return this.seedWords;
  }
}
