import type { NodeRef } from '../../domain/base/ids';
import { F_BACKUP, F_EMITTER, F_ID, FS_SLOW } from '../frames/layout';
import type { ControlCursor } from './control-frames';
import { FLOWS_MOVED_HERE } from './counters';
import { PHASE_AWAITS, PHASE_FED, PHASE_OWNED, PHASE_TAKING } from './flow-side';
import type { Handover } from './handover';
import { READY, say } from './move-words';
import type { Node } from './node';
import type { Stage } from './stage';
import type { Takeover } from './takeover';
import { WINDOWS } from './windows';

/** The node that takes flows from another: steps 1 to 3 of {@link FlowMoves}, from its side. */
export class MovingHere {
  constructor(
    private readonly node: Node,
    private readonly stage: Stage,
    private readonly handover: Handover,
    private readonly takeover: Takeover,
  ) {}

  onPrepare(body: ControlCursor, from: NodeRef): void {
    const flow = this.handover.readEntry(body);
    if (flow === 0) return;
    const { node } = this;
    const { u16, u32 } = node.ctx.arena;
    const aux = node.aux(flow);
    this.takeover.told(flow);
    node.side.movedFrom[aux] = from;
    node.side.phase[aux] = (node.side.phase[aux] & PHASE_OWNED) | PHASE_TAKING | PHASE_AWAITS;
    u16[(flow + F_EMITTER) >>> 1] = node.ref;
    u16[(flow + F_BACKUP) >>> 1] = 0;
    node.setState(flow, FS_SLOW);
    say(this.node, from, READY, u32[(flow + F_ID) >>> 2], []);
  }

  onState(flow: number, body: ControlCursor): void {
    const { node } = this;
    const { u16, u32 } = node.ctx.arena;
    const aux = node.aux(flow);
    if ((node.side.phase[aux] & PHASE_TAKING) === 0) return;
    WINDOWS.forEach(({ max, stamp, bits }, direction) => {
      u32[(flow + max) >>> 2] = body.readU32();
      u16[(flow + stamp) >>> 1] = body.readU16();
      u32[(flow + bits) >>> 2] = body.readU32();
      u32[(flow + bits + 4) >>> 2] = body.readU32();
      node.side.processed[2 * aux + direction] = body.readU32();
      node.side.digest[2 * aux + direction] = body.readU32();
    });
    const state = body.readBytes(body.readU32());
    const id = u32[(flow + F_ID) >>> 2];
    // What this node held as shadow the emitter has sent, or passes on.
    this.stage.forget(flow);
    if (state.length > 0) node.host?.importFlow(id, state);
    else if (node.host?.stateKind === 'per-flow') node.host.flowEnded(id);
    node.side.phase[aux] = (node.side.phase[aux] & ~PHASE_AWAITS) | PHASE_FED;
  }

  onRelease(flow: number): void {
    const { node } = this;
    const { u16 } = node.ctx.arena;
    const aux = node.aux(flow);
    if ((node.side.phase[aux] & PHASE_TAKING) === 0) return;
    node.side.phase[aux] &= ~PHASE_TAKING;
    u16[(flow + F_BACKUP) >>> 1] = node.heirs.shadowOf(flow, node.ref);
    node.counters.values[FLOWS_MOVED_HERE]++;
    node.choices.tell(flow);
    this.handover.feed(flow);
    this.handover.processWaiting(flow);
  }

  /** The node keeps the flow after all: this one is what it was, its shadow or nothing. */
  onCancel(flow: number, from: NodeRef): void {
    const { node } = this;
    const { u16 } = node.ctx.arena;
    const aux = node.aux(flow);
    if ((node.side.phase[aux] & PHASE_TAKING) === 0) return;
    node.side.phase[aux] &= ~PHASE_TAKING;
    node.side.movedFrom[aux] = 0;
    u16[(flow + F_EMITTER) >>> 1] = from;
    u16[(flow + F_BACKUP) >>> 1] = node.heirs.shadowOf(flow, from);
    this.handover.processWaiting(flow);
  }

  /** A node died: what it was giving to this one is taken over. */
  buried(dead: NodeRef): void {
    const { side } = this.node;
    this.node.visitFlows((flow) => {
      const aux = this.node.aux(flow);
      if ((side.phase[aux] & PHASE_TAKING) === 0 || side.movedFrom[aux] !== dead) return;
      this.node.ctx.arena.u16[(flow + F_EMITTER) >>> 1] = dead;
      this.takeover.takeOver(flow);
    });
  }
}
