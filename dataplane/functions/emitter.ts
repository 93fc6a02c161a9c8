import {
  F_ID,
  S_DESC_LEN,
  S_FLAGS,
  S_FLOW,
  S_FRAME_NO,
  S_FROM,
  S_LEN,
  S_NETWORK,
  S_NEXT,
  S_OFF,
  S_REASON,
  S_REVERSE,
  S_SEQ,
  S_TIME,
  SLOT_FRAME,
  FRAME_MAX,
  FRAME_MIN,
} from '../frames/layout';
import { FlowgridError } from '../../domain/base/errors';
import { NO_FRAME_NUMBER } from '../frames/slots';
import { FrameView } from './frame-view';
import type { Translation } from './flow-mapper';
import type { FrameMapping } from './frame-mapping';
import type { Emitter } from './function';
import type { FunctionServices } from './host';

/** Gives functions slots for frames of their own. */
export class FrameEmitter implements Emitter {
  /** The flow mapper of a function that declares `emits: 'mapped'`. */
  mapping: FrameMapping | undefined;
  private readonly view: FrameView;
  private cause = -1;
  private pending = -1;
  private sent = 0;

  constructor(
    private readonly services: Pick<
      FunctionServices,
      'views' | 'node' | 'slotAddress' | 'takeSlot' | 'emit' | 'emitAs' | 'open'
    >,
  ) {
    this.view = new FrameView(services.views);
  }

  /** A function is about to process `slot`. */
  begin(slot: number): void {
    this.cause = slot;
    this.sent = 0;
  }

  /** The function has returned. @returns how many frames it created. */
  finish(): number {
    this.cause = -1;
    return this.sent;
  }

  create(length: number): FrameView | undefined {
    if (this.cause < 0 || length < FRAME_MIN || length > FRAME_MAX) return undefined;
    if (this.pending < 0) this.pending = this.services.takeSlot();
    if (this.pending < 0) return undefined;
    const { u8, u16, u32, f64 } = this.services.views;
    const target = this.services.slotAddress(this.pending);
    const source = this.services.slotAddress(this.cause);
    u32[(target + S_OFF) >>> 2] = SLOT_FRAME;
    u32[(target + S_LEN) >>> 2] = length;
    u8.fill(0, target + SLOT_FRAME, target + SLOT_FRAME + length);
    f64[(target + S_TIME) >>> 3] = f64[(source + S_TIME) >>> 3];
    u32[(target + S_FRAME_NO) >>> 2] = NO_FRAME_NUMBER;
    u16[(target + S_NETWORK) >>> 1] = 0;
    u16[(target + S_FROM) >>> 1] = this.services.node;
    u16[(target + S_REASON) >>> 1] = 0;
    u16[(target + S_FLAGS) >>> 1] = 0;
    u32[(target + S_FLOW) >>> 2] = u32[(source + S_FLOW) >>> 2];
    u32[(target + S_SEQ) >>> 2] = 0;
    u16[(target + S_DESC_LEN) >>> 1] = 0;
    u32[(target + S_NEXT) >>> 2] = 0xffffffff;
    this.view.moveTo(target, 0, 0);
    return this.view;
  }

  send(direction: 'onward' | 'back'): void {
    if (this.pending < 0 || this.cause < 0) return;
    this.point(direction);
    this.services.emit(this.pending, this.cause, direction === 'back');
    this.done();
  }

  sendMapped(otherwise: 'onward' | 'back'): void {
    if (this.pending < 0 || this.cause < 0) return;
    const found = this.mapped.find(this.pending);
    if (found === undefined) {
      this.send(otherwise);
      return;
    }
    if ('opens' in found) {
      this.point(otherwise);
      this.services.open?.(this.pending, this.cause, found.opens);
      this.done();
      return;
    }
    const { u8, u32 } = this.services.views;
    const cause = this.services.slotAddress(this.cause);
    if (found.flow === u32[(u32[(cause + S_FLOW) >>> 2] + F_ID) >>> 2]) {
      this.send(found.reverse === u8[cause + S_REVERSE] ? 'onward' : 'back');
      return;
    }
    u8[this.services.slotAddress(this.pending) + S_REVERSE] = found.reverse;
    this.services.emitAs?.(this.pending, this.cause, found.flow);
    this.done();
  }

  declare(translation: Translation): void {
    this.mapped.declare(translation);
  }

  withdraw(translation: Translation): void {
    this.mapped.withdraw(translation);
  }

  /** Gives the frame at hand its direction within the flow of the frame that caused it. */
  private point(direction: 'onward' | 'back'): void {
    const { u8 } = this.services.views;
    const reverse = u8[this.services.slotAddress(this.cause) + S_REVERSE];
    u8[this.services.slotAddress(this.pending) + S_REVERSE] = direction === 'back' ? 1 - reverse : reverse;
  }

  /** The frame at hand is the node's now. */
  private done(): void {
    this.pending = -1;
    this.sent++;
  }

  private get mapped(): FrameMapping {
    if (this.mapping !== undefined) return this.mapping;
    throw new FlowgridError('usage', 'the function does not declare that it sends mapped frames', {
      remedy: "give it the member `emits: 'mapped'`",
    });
  }
}
