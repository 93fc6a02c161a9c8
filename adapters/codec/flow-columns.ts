import type {
  CloneCompared,
  CloneStarted,
  FloodBegan,
  FloodEnded,
  FlowBound,
  FlowEnded,
  FlowEvent,
  FlowRepinned,
  FlowReplicated,
  FlowRerouted,
  FlowStarted,
  FlowTakenOver,
} from '../../domain/flow/events';
import type { ByteReader, ByteWriter } from './bytes';
import {
  entry,
  readCounts,
  readDeltas,
  readWords,
  readWordsOf,
  writeCounts,
  writeDeltas,
  writeWords,
  writeWordsOf,
  type ListDictionary,
  type TextDictionary,
} from './columns';

/** Dictionaries while a batch is written. */
export interface WriteDictionaries {
  readonly texts: TextDictionary;
  readonly lists: ListDictionary;
}

/** Dictionaries while a batch is read. */
export interface ReadDictionaries {
  readonly texts: readonly string[];
  readonly lists: readonly (readonly number[])[];
}

/** The fields that every event has, of the rows of one type. */
export interface CommonColumns {
  readonly at: readonly number[];
  readonly flow: readonly number[];
  readonly topologySeq: readonly number[];
}

/** How the rows of one event type stand in columns, besides the common ones. */
interface TypeColumns<Event extends FlowEvent> {
  write(out: ByteWriter, rows: readonly Event[], dictionaries: WriteDictionaries): void;
  read(input: ByteReader, common: CommonColumns, dictionaries: ReadDictionaries): Event[];
}

const OBSERVED = ['ingress', 'egress'] as const;
const START = ['syn', 'midstream', 'first-packet'] as const;
const END = ['fin', 'rst', 'idle', 'eof', 'lost'] as const;
const CAUSE = ['rate', 'tables'] as const;
const DIRECTION = ['forward', 'reverse'] as const;
const REASON = ['failed', 'congested', 'operator', 'diverted', 'mode'] as const;

const started: TypeColumns<FlowStarted> = {
  write(out, rows, { texts, lists }) {
    writeWordsOf(out, rows, OBSERVED, (row) => row.observedAs);
    writeCounts(out, rows, (row) => row.flowType);
    writeCounts(out, rows, (row) => row.wireId);
    writeCounts(out, rows, (row) => row.network);
    writeCounts(out, rows, (row) => row.key.proto);
    writeCounts(out, rows, (row) => texts.place(row.key.a));
    writeCounts(out, rows, (row) => row.key.aPort);
    writeCounts(out, rows, (row) => texts.place(row.key.b));
    writeCounts(out, rows, (row) => row.key.bPort);
    writeCounts(out, rows, (row) => row.key.vlan);
    writeCounts(out, rows, (row) => row.path);
    writeCounts(out, rows, (row) => lists.place(row.route));
    writeCounts(out, rows, (row) => lists.place(row.backups));
    writeWordsOf(out, rows, START, (row) => row.start);
  },
  read(input, common, { texts, lists }) {
    const rows = common.at.length;
    const observedAs = readWordsOf(input, rows, OBSERVED);
    const [flowType, wireId, network, proto] = fourCounts(input, rows);
    const [a, aPort, b, bPort] = fourCounts(input, rows);
    const [vlan, path, route, backups] = fourCounts(input, rows);
    const start = readWordsOf(input, rows, START);
    return build(common, (at, flow, topologySeq, i) => ({
      type: 'FlowStarted',
      at,
      flow,
      topologySeq,
      observedAs: observedAs[i] as FlowStarted['observedAs'],
      flowType: flowType[i] as number,
      wireId: wireId[i] as number,
      network: network[i] as number,
      key: {
        proto: proto[i] as number,
        a: entry(texts, a[i] as number),
        aPort: aPort[i] as number,
        b: entry(texts, b[i] as number),
        bPort: bPort[i] as number,
        vlan: vlan[i] as number,
      },
      path: path[i] as number,
      route: entry(lists, route[i] as number),
      backups: entry(lists, backups[i] as number),
      start: start[i] as FlowStarted['start'],
    }));
  },
};

const ended: TypeColumns<FlowEnded> = {
  write(out, rows) {
    writeWordsOf(out, rows, END, (row) => row.end);
    writeCounts(out, rows, (row) => row.packets[0]);
    writeCounts(out, rows, (row) => row.packets[1]);
    writeCounts(out, rows, (row) => row.bytes[0]);
    writeCounts(out, rows, (row) => row.bytes[1]);
  },
  read(input, common) {
    const rows = common.at.length;
    const end = readWordsOf(input, rows, END);
    const [packetsA, packetsB, bytesA, bytesB] = fourCounts(input, rows);
    return build(common, (at, flow, topologySeq, i) => ({
      type: 'FlowEnded',
      at,
      flow,
      topologySeq,
      end: end[i] as FlowEnded['end'],
      packets: [packetsA[i] as number, packetsB[i] as number],
      bytes: [bytesA[i] as number, bytesB[i] as number],
    }));
  },
};

const takenOver: TypeColumns<FlowTakenOver> = {
  write(out, rows) {
    writeCounts(out, rows, (row) => row.from);
    writeCounts(out, rows, (row) => row.to);
    writeCounts(out, rows, (row) => row.backup);
    writeCounts(out, rows, (row) => row.emitted);
    writeDeltas(out, rows, (row) => row.effectiveAt);
  },
  read(input, common) {
    const rows = common.at.length;
    const [from, to, backup, emitted] = fourCounts(input, rows);
    const effectiveAt = readDeltas(input, rows);
    return build(common, (at, flow, topologySeq, i) => ({
      type: 'FlowTakenOver',
      at,
      flow,
      topologySeq,
      from: from[i] as number,
      to: to[i] as number,
      backup: backup[i] as number,
      effectiveAt: effectiveAt[i] as number,
      emitted: emitted[i] as number,
    }));
  },
};

const rerouted: TypeColumns<FlowRerouted> = {
  write(out, rows) {
    writeWordsOf(out, rows, REASON, (row) => row.reason);
    writeCounts(out, rows, (row) => row.from);
    writeCounts(out, rows, (row) => row.to);
    writeDeltas(out, rows, (row) => row.effectiveAt);
  },
  read(input, common) {
    const rows = common.at.length;
    const reason = readWordsOf(input, rows, REASON);
    const from = readCounts(input, rows);
    const to = readCounts(input, rows);
    const effectiveAt = readDeltas(input, rows);
    return build(common, (at, flow, topologySeq, i) => ({
      type: 'FlowRerouted',
      at,
      flow,
      topologySeq,
      reason: reason[i] as FlowRerouted['reason'],
      from: from[i] as number,
      to: to[i] as number,
      effectiveAt: effectiveAt[i] as number,
    }));
  },
};

const repinned: TypeColumns<FlowRepinned> = {
  write(out, rows) {
    writeCounts(out, rows, (row) => row.fromWireId);
    writeCounts(out, rows, (row) => row.toWireId);
  },
  read(input, common) {
    const fromWireId = readCounts(input, common.at.length);
    const toWireId = readCounts(input, common.at.length);
    return build(common, (at, flow, topologySeq, i) => ({
      type: 'FlowRepinned',
      at,
      flow,
      topologySeq,
      fromWireId: fromWireId[i] as number,
      toWireId: toWireId[i] as number,
    }));
  },
};

const replicated: TypeColumns<FlowReplicated> = {
  write(out, rows) {
    writeWords(out, rows, (row) => row.clone);
    writeCounts(out, rows, (row) => row.path);
  },
  read(input, common) {
    const clone = readWords(input, common.at.length);
    const path = readCounts(input, common.at.length);
    return build(common, (at, flow, topologySeq, i) => ({
      type: 'FlowReplicated',
      at,
      flow,
      topologySeq,
      clone: clone[i] as number,
      path: path[i] as number,
    }));
  },
};

const bound: TypeColumns<FlowBound> = {
  write(out, rows) {
    writeWords(out, rows, (row) => row.parent);
    writeCounts(out, rows, (row) => row.by);
  },
  read(input, common) {
    const parent = readWords(input, common.at.length);
    const by = readCounts(input, common.at.length);
    return build(common, (at, flow, topologySeq, i) => ({
      type: 'FlowBound',
      at,
      flow,
      topologySeq,
      parent: parent[i] as number,
      by: by[i] as number,
    }));
  },
};

const cloneStarted: TypeColumns<CloneStarted> = {
  write(out, rows, { lists }) {
    writeWords(out, rows, (row) => row.original);
    writeCounts(out, rows, (row) => row.flowType);
    writeCounts(out, rows, (row) => row.wireId);
    writeCounts(out, rows, (row) => row.path);
    writeCounts(out, rows, (row) => lists.place(row.route));
    writeCounts(out, rows, (row) => lists.place(row.backups));
  },
  read(input, common, { lists }) {
    const rows = common.at.length;
    const original = readWords(input, rows);
    const [flowType, wireId, path, route] = fourCounts(input, rows);
    const backups = readCounts(input, rows);
    return build(common, (at, flow, topologySeq, i) => ({
      type: 'CloneStarted',
      at,
      flow,
      topologySeq,
      original: original[i] as number,
      flowType: flowType[i] as number,
      wireId: wireId[i] as number,
      path: path[i] as number,
      route: entry(lists, route[i] as number),
      backups: entry(lists, backups[i] as number),
    }));
  },
};

const cloneCompared: TypeColumns<CloneCompared> = {
  write(out, rows) {
    writeWords(out, rows, (row) => row.original);
    writeWordsOf(out, rows, DIRECTION, (row) => row.direction);
    writeCounts(out, rows, (row) => row.frames[0]);
    writeCounts(out, rows, (row) => row.frames[1]);
    writeCounts(out, rows, (row) => row.compared);
    writeCounts(out, rows, (row) => row.differing);
  },
  read(input, common) {
    const rows = common.at.length;
    const original = readWords(input, rows);
    const direction = readWordsOf(input, rows, DIRECTION);
    const [framesA, framesB, compared, differing] = fourCounts(input, rows);
    return build(common, (at, flow, topologySeq, i) => ({
      type: 'CloneCompared',
      at,
      flow,
      topologySeq,
      original: original[i] as number,
      direction: direction[i] as CloneCompared['direction'],
      frames: [framesA[i] as number, framesB[i] as number],
      compared: compared[i] as number,
      differing: differing[i] as number,
    }));
  },
};

const floodBegan: TypeColumns<FloodBegan> = {
  write(out, rows) {
    writeWordsOf(out, rows, CAUSE, (row) => row.cause);
  },
  read(input, common) {
    const cause = readWordsOf(input, common.at.length, CAUSE);
    return build(common, (at, flow, topologySeq, i) => ({
      type: 'FloodBegan',
      at,
      flow,
      topologySeq,
      cause: cause[i] as FloodBegan['cause'],
    }));
  },
};

const floodEnded: TypeColumns<FloodEnded> = {
  write(out, rows) {
    writeCounts(out, rows, (row) => row.frames);
  },
  read(input, common) {
    const frames = readCounts(input, common.at.length);
    return build(common, (at, flow, topologySeq, i) => ({
      type: 'FloodEnded',
      at,
      flow,
      topologySeq,
      frames: frames[i] as number,
    }));
  },
};

type ColumnsByType = { readonly [Type in FlowEvent['type']]: TypeColumns<Extract<FlowEvent, { type: Type }>> };

const BY_TYPE: ColumnsByType = {
  FlowStarted: started,
  FlowEnded: ended,
  FlowTakenOver: takenOver,
  FlowRerouted: rerouted,
  FlowRepinned: repinned,
  FlowReplicated: replicated,
  FloodBegan: floodBegan,
  FloodEnded: floodEnded,
  CloneStarted: cloneStarted,
  CloneCompared: cloneCompared,
  FlowBound: bound,
};

/** Event types by their code in a batch: append new ones, never reorder them. */
export const TYPES: readonly FlowEvent['type'][] = [
  'FlowStarted',
  'FlowEnded',
  'FlowTakenOver',
  'FlowRerouted',
  'FlowRepinned',
  'FlowReplicated',
  'FloodBegan',
  'FloodEnded',
  'CloneStarted',
  'CloneCompared',
  'FlowBound',
];

/** The columns of the type with this code. */
export function columnsOf(code: number): TypeColumns<FlowEvent> {
  // Rows are sorted by type before they get here, so each type meets its own columns alone.
  return BY_TYPE[entry(TYPES, code)] as unknown as TypeColumns<FlowEvent>;
}

function build<Event>(
  common: CommonColumns,
  make: (at: number, flow: number, topologySeq: number, row: number) => Event,
): Event[] {
  const { at, flow, topologySeq } = common;
  return at.map((time, i) => make(time, flow[i] as number, topologySeq[i] as number, i));
}

function fourCounts(input: ByteReader, rows: number): [number[], number[], number[], number[]] {
  return [readCounts(input, rows), readCounts(input, rows), readCounts(input, rows), readCounts(input, rows)];
}
