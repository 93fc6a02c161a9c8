import { openLmdbLog } from '../../adapters/log/lmdb';
import { SimClock } from '../../adapters/sim/sim-clock';
import type { CommandBody } from '../../domain/commands';
import { decide } from '../../domain/decide';
import { evolveCommit, initialState, type GridState } from '../../domain/grid-state';
import { isRejection } from '../../domain/message';
import { DEFAULT_TIMING, type VirtualLink } from '../../domain/topology/topology';
import { createControlPlane, type ControlPlane } from '../../runtime/control/control-plane';
import { inTemporaryDir, median, seconds } from '../log/measure';
import type { BenchOptions, BenchResult } from '../result';

/** A switch takes one VLAN ID of the 2,047 that the grid has. */
const ALIVE = 1_500;
const AT_ONCE = 200;
const ROUNDS = 15;
/** Longer than released VLAN IDs rest, ms. */
const REST_MS = 61_000;
const START = 1_700_000_000_000;

/**
 * How many links a second are created, and deleted again: decided and folded alone, in an empty grid and beside many links,
 * and durable in the log, each as a command of its own and all as one.
 */
export async function run({ smoke }: BenchOptions = { smoke: false }): Promise<BenchResult[]> {
  const rounds = smoke ? 1 : ROUNDS;
  const atOnce = smoke ? 10 : AT_ONCE;
  const empty = await decided(rounds, atOnce, 0);
  const full = await decided(rounds, atOnce, smoke ? 20 : ALIVE);
  const { each, whole } = await durable(rounds, atOnce);
  const perSecond = (took: number): number => (2 * atOnce) / took;
  const result = (name: string, took: number, of?: string, than?: number): BenchResult => ({
    name,
    unit: 'links/s',
    value: perSecond(took),
    ...(of === undefined || than === undefined ? {} : { ratio: { of, value: perSecond(took) / perSecond(than) } }),
  });
  return [
    result('links created and deleted, decided and folded', empty),
    result(`the same beside ${ALIVE} links`, full, 'in an empty grid', empty),
    result('links created and deleted, durable, a command each', each, 'decided and folded alone', empty),
    result(`the same, ${AT_ONCE} links a command`, whole, 'a command each', each),
  ];
}

const create = (data: VirtualLink): CommandBody => ({ type: 'CreateVirtualLink', data });
const remove = (link: number): CommandBody => ({ type: 'DeleteVirtualLink', data: { link } });

function linkOf(id: number): VirtualLink {
  const members = [{ cluster: 1 }, { cluster: 2 }];
  return { id, name: `VN-${id}`, kind: 'switch', members, control: false, mtu: 9_000 };
}

function gridCommands(): CommandBody[] {
  const cluster = (id: number, role: 'inode' | 'anode'): CommandBody => ({
    type: 'CreateCluster',
    data: {
      ...{ id, name: `C${id}`, role, failure: 'redirect', selector: 'hash', mode: 'through', whenEmpty: 'drop' },
      ...{ function: { name: 'pass', config: {} }, originates: false },
    },
  });
  const networks = [{ id: 1, name: 'EN-1', cluster: 1, tagged: false }];
  const settings = { name: 'bench', seed: 1, selection: 'centralized', timing: DEFAULT_TIMING } as const;
  return [
    { type: 'CreateGrid', data: { ...settings, networks, capture: null } },
    cluster(1, 'inode'),
    cluster(2, 'anode'),
  ];
}

/** Median seconds in which so many links are made and taken away, one after the other, beside others that stay. */
async function decided(rounds: number, atOnce: number, alive: number): Promise<number> {
  const grid = [...gridCommands(), ...numbers(1, alive).map((id) => create(linkOf(id)))].reduce(
    (state, body) => folded(state, body, START),
    initialState(),
  );
  const ids = numbers(alive + 1, atOnce);
  const took: number[] = [];
  for (let round = -(rounds >> 1); round < rounds; round++) {
    const at = START + REST_MS * (round + rounds);
    let state = grid;
    const time = await seconds(() => {
      for (const id of ids) state = folded(state, create(linkOf(id)), at);
      for (const id of ids) state = folded(state, remove(id), at);
    });
    if (round >= 0) took.push(time);
  }
  return median(took);
}

function folded(state: GridState, body: CommandBody, at: number): GridState {
  const seq = state.seq + 1;
  const id = `c${seq}`;
  const events = decide(state, { id, by: 'operator:bench', deadline: at, at, body });
  if (isRejection(events)) throw new Error(`bench: ${body.type}: ${events.message}`);
  return evolveCommit(state, { seq, prev: '', epoch: 1, commandId: id, at, by: '', cause: 0, corr: id, events });
}

/** The same, until all is durable in an LMDB log: as a command for each link, and as one for all, in turns. */
function durable(rounds: number, atOnce: number): Promise<{ readonly each: number; readonly whole: number }> {
  return inTemporaryDir(async (dir) => {
    const clock = new SimClock(START);
    const log = await openLmdbLog({ dir, mode: 'writer' });
    const plane = createControlPlane({ log, clock, timers: clock, name: 'MA-1', listeners: [], onAlert: () => {} });
    try {
      await plane.start();
      await submitAll(plane, clock, gridCommands());
      const links = numbers(1, atOnce).map(linkOf);
      const ids = links.map(({ id }) => id);
      const took = { each: [] as number[], whole: [] as number[] };
      for (let round = -(rounds >> 1); round < rounds; round++) {
        const time = async (...steps: readonly (readonly CommandBody[])[]): Promise<number> => {
          clock.advanceTo(clock.now() + REST_MS);
          await plane.settle();
          return seconds(async () => {
            for (const step of steps) await submitAll(plane, clock, step);
          });
        };
        const one = await time(links.map(create), ids.map(remove));
        const all = await time([arrange(links, [])], [arrange([], ids)]);
        if (round < 0) continue;
        took.each.push(one);
        took.whole.push(all);
      }
      return { each: median(took.each), whole: median(took.whole) };
    } finally {
      await plane.stop();
      await log.close();
    }
  });
}

function arrange(made: readonly VirtualLink[], gone: readonly number[]): CommandBody {
  return { type: 'ArrangeLinks', data: { create: made, change: [], delete: gone } };
}

let submitted = 0;

async function submitAll(plane: ControlPlane, clock: SimClock, bodies: readonly CommandBody[]): Promise<void> {
  const deadline = clock.now() + 10_000;
  const outcomes = await Promise.all(
    bodies.map((body) => plane.submit({ id: `bench/${++submitted}`, by: 'operator:bench', deadline, body })),
  );
  const refused = outcomes.find(({ status }) => status !== 'accepted');
  if (refused !== undefined) throw new Error(`bench: ${JSON.stringify(refused)}`);
}

function numbers(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + i);
}
