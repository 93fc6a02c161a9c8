import type { FlowId, Micros } from '../../domain/base/ids';
import type { KeyEnd, KeyScope } from './keys';
import type { Expectation } from './ports';

/** Most expectations kept; the oldest goes when another comes. */
const EXPECTATIONS_MAX = 65_536;
/** Most that one flow may have outstanding, so that one talkative control stream cannot displace all others. */
const EXPECTATIONS_PER_FLOW_MAX = 64;

/** Connections that applications announced and that have not come yet. */
export class ExpectationTable {
  /** By announced end; insertion order is age. */
  private readonly byEnd = new Map<string, Expectation>();
  private readonly countByFlow = new Map<FlowId, number>();

  get size(): number {
    return this.byEnd.size;
  }

  /** Adds an expectation; one for the same announced end is replaced. */
  add(expectation: Expectation): void {
    const key = endKey(expectation, expectation.endpoint, expectation.port);
    this.drop(key);
    const held = this.countByFlow.get(expectation.flowId) ?? 0;
    if (held >= EXPECTATIONS_PER_FLOW_MAX) return;
    if (this.byEnd.size >= EXPECTATIONS_MAX) this.drop(this.byEnd.keys().next().value!);
    this.byEnd.set(key, expectation);
    this.countByFlow.set(expectation.flowId, held + 1);
  }

  /** The expectation that a connection from `initiator` to `responder` fulfils. It is used up. */
  take(scope: KeyScope, initiator: KeyEnd, responder: KeyEnd, now: Micros): Expectation | undefined {
    return this.takeAt(scope, responder, initiator, false, now) ?? this.takeAt(scope, initiator, responder, true, now);
  }

  /** Whether a connection between these ends is announced, whoever of them opens it. */
  has(scope: KeyScope, a: KeyEnd, b: KeyEnd): boolean {
    return this.byEnd.has(endKey(scope, a.address, a.port)) || this.byEnd.has(endKey(scope, b.address, b.port));
  }

  private takeAt(scope: KeyScope, at: KeyEnd, other: KeyEnd, initiates: boolean, now: Micros): Expectation | undefined {
    const key = endKey(scope, at.address, at.port);
    const found = this.byEnd.get(key);
    if (found === undefined || (initiates && !found.either)) return undefined;
    if (found.peer !== undefined && found.peer !== other.address) return undefined;
    this.drop(key);
    return found.expiresAt > now ? found : undefined;
  }

  /** Forgets what a flow that has ended still expected. */
  dropFlow(flowId: FlowId): void {
    if (!this.countByFlow.has(flowId)) return;
    for (const [key, expectation] of this.byEnd) if (expectation.flowId === flowId) this.drop(key);
  }

  /** Forgets what has lapsed, from the oldest on. */
  expire(now: Micros): void {
    for (const [key, expectation] of this.byEnd) {
      if (expectation.expiresAt > now) return;
      this.drop(key);
    }
  }

  private drop(key: string): void {
    const expectation = this.byEnd.get(key);
    if (expectation === undefined) return;
    this.byEnd.delete(key);
    const left = this.countByFlow.get(expectation.flowId)! - 1;
    if (left === 0) this.countByFlow.delete(expectation.flowId);
    else this.countByFlow.set(expectation.flowId, left);
  }
}

function endKey(scope: KeyScope, address: string, port: number): string {
  return `${scope.network}/${scope.vlan1}/${scope.vlan2}/${scope.proto}/${address}/${port}`;
}
