import type { Micros } from '../../domain/base/ids';
import type { ConnectionTable } from '../flows/connection-table';
import type { Arena } from '../frames/arena';
import { C_FLOW, C_HASH, C_ID, C_KEY, C_LAST, C_STATE, F_CONNS, F_ID, K_PROTO } from '../frames/layout';
import type { ApplicationContext } from './application-context';
import type { ExpectationTable } from './expectations';
import type { ClassifierPorts, ConnectionEnd } from './ports';
import { endOf } from './tcp';
import { type ClassifierTiming, idleLimit } from './timing';

/** Places that one step looks at when every connection is ended. */
const STEP_PLACES = 4096;

interface ConnectionEndingsOptions {
  readonly arena: Arena;
  readonly connections: ConnectionTable;
  readonly expectations: ExpectationTable;
  readonly applications: ApplicationContext;
  readonly ports: Pick<ClassifierPorts, 'connectionEnded'>;
  readonly timing: ClassifierTiming;
}

/** Ends connections: one by one, those that have been silent for too long, or all. */
export class ConnectionEndings {
  /** How long connections may be silent from now on. */
  timing: ClassifierTiming;
  private readonly arena: Arena;
  private readonly connections: ConnectionTable;
  private cursor = 0;

  constructor(private readonly options: ConnectionEndingsOptions) {
    this.arena = options.arena;
    this.connections = options.connections;
    this.timing = options.timing;
  }

  /** Ends silent connections among up to `budget` places, from where the last call stopped; says how many. */
  expire(nowUs: Micros, budget: number): number {
    let ended = 0;
    const { capacity } = this.connections;
    for (let left = Math.min(budget, capacity); left > 0;) {
      const from = this.cursor;
      this.cursor = this.connections.scan(from, left, (connection) => {
        if (this.endIfIdle(connection, nowUs)) ended++;
      });
      left -= (this.cursor === 0 ? capacity : this.cursor) - from;
    }
    return ended;
  }

  /** Ends a connection that has been silent for longer than it may be; says whether it did. */
  endIfIdle(connection: number, nowUs: Micros): boolean {
    const { arena } = this;
    const state = arena.u32[(connection + C_STATE) >>> 2];
    const limit = idleLimit(this.timing, arena.u8[connection + C_KEY + K_PROTO], state);
    if (arena.f64[(connection + C_LAST) >>> 3] + limit >= nowUs) return false;
    this.endQuiet(connection);
    return true;
  }

  /** Ends a connection that was not seen to close, or as the close that was seen says. */
  endQuiet(connection: number, unseen: 'idle' | 'eof' = 'idle'): void {
    this.end(connection, endOf(this.arena.u32[(connection + C_STATE) >>> 2], unseen));
  }

  /** Ends every connection, as at the end of a capture. */
  endAll(): void {
    let cursor = 0;
    do {
      cursor = this.connections.scan(cursor, STEP_PLACES, (connection) => this.endQuiet(connection, 'eof'));
    } while (cursor !== 0);
  }

  /** Removes one connection from the table, tells of it, and of its flow's end with its last one. */
  end(connection: number, end: ConnectionEnd): void {
    const { arena } = this;
    const flow = arena.u32[(connection + C_FLOW) >>> 2];
    const last = flow !== 0 && --arena.u32[(flow + F_CONNS) >>> 2] === 0;
    if (last) this.options.expectations.dropFlow(arena.u32[(flow + F_ID) >>> 2]);
    this.options.applications.forget(connection);
    const hash = arena.u32[(connection + C_HASH) >>> 2];
    this.connections.remove(connection);
    this.options.ports.connectionEnded(connection, end, last, hash);
    arena.u32[(connection + C_ID) >>> 2] = 0;
  }
}
