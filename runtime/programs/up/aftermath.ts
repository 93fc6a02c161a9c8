import type { ChainId, Micros, Seq } from '../../../domain/base/ids';
import type { FlowEnded } from '../../../domain/flow/events';
import type { EventLog } from '../../../domain/seams/event-log';
import type { OpenFlow } from '../../../projections';
import type { FlowLedger } from './flow-ledger';

/** What earlier programs left in the log of a grid that a new program takes up. */
export interface Aftermath {
  /** The latest moment that the log knows of. */
  readonly latest: Micros;
  /** Flows that nothing ended: whatever carried them is gone with the program that hosted it. */
  readonly open: readonly OpenFlow[];
}

/** Call before anything new happens. */
export function aftermathOf(log: EventLog, { told }: FlowLedger): Aftermath {
  return { latest: Math.max(log.head().at * 1_000, told.latest), open: [...told.open()] };
}

/** The end of a flow left open, and the chain that told of the flow: the same should tell of its end. */
export interface Ending {
  readonly chain: ChainId;
  readonly event: FlowEnded;
}

/**
 * The ends of the flows left open, at the latest moment known: how much each had carried nobody knows any more.
 *
 * @param topologySeq the commit of the topology in force
 */
export function endingsOf({ open, latest }: Aftermath, topologySeq: Seq): Ending[] {
  return open.map(({ flow, chain }) => ({
    chain,
    event: { type: 'FlowEnded', at: latest, flow, topologySeq, end: 'lost', packets: [0, 0], bytes: [0, 0] },
  }));
}
