/**
 * The control bus (NATS subjects). It carries only what may be lost, repeated and reordered: hellos, statistics, hints,
 * and requests whose replies acknowledge them. Subjects are dot-separated tokens; in a subscription `*` matches one
 * token and a last `>` one or more.
 */
export interface Bus {
  readonly kind: string;
  /** False while it is known that nobody can be reached: what is published meanwhile is lost. */
  readonly connected: boolean;
  publish(subject: string, payload: Uint8Array): void;
  /** The handler may return bytes, which answer a request; without any it stays silent. */
  subscribe(pattern: string, handler: BusHandler): BusSubscription;
  /** @throws FlowgridError `timeout` when nobody answered in time (on the injected clock), `closed`. */
  request(subject: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array>;
  /** Resolves when what was published before has left this process. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

export type BusHandler = (payload: Uint8Array, subject: string) => Uint8Array | Promise<Uint8Array | undefined> | void;

export interface BusSubscription {
  unsubscribe(): void;
}
