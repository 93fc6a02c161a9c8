import type { NodeRef } from '../../domain/base/ids';
import type { LinkInterface } from '../../domain/link/interfaces';
import type { PortMemory } from '../packet-ports/port';
import type { Kernels } from '../kernels/kernels';
import { COUNTERS } from './counters';
import { VirtualInterface } from './virtual-interface';
import { CUT, UNTAGGED, vlanAt } from './vlan-tag';

const VLANS = 4096;
const END = -1;

/** Why a frame from the LAN is no interface's: it ends too early, has no tag, or that of a VLAN that nobody here hears. */
export interface UnheardFrames {
  readonly cut: number;
  readonly untagged: number;
  readonly unheard: number;
}

/** What {@link LanInterfaces.send} returns for a frame that is not sent; its slot is free. */
export const NOT_SENT = -1;

/**
 * The virtual interfaces of the nodes at one port of the LAN. What comes from the LAN goes to those that hear its VLAN, each
 * of which gets a slot of its own; what one of them sends goes out by the port, and to the others here as the LAN would have
 * taken it, because a switch sends nothing back to where it came from.
 */
export class LanInterfaces {
  private interfaces: VirtualInterface[] = [];
  /** By VLAN: the first interface that hears it, and behind each the next. */
  private readonly first = new Int32Array(VLANS).fill(END);
  /** What interfaces had counted that were taken away. */
  readonly gone = new Float64Array(COUNTERS);
  private links: Int32Array = new Int32Array(0);
  private cut = 0;
  private untagged = 0;
  private unheard = 0;

  constructor(
    private readonly memory: PortMemory,
    private readonly kernels: Pick<Kernels, 'copySealed'>,
    /** See {@link VirtualInterface}. */
    private readonly isForStations = false,
  ) {}

  /** Has these interfaces from now on. A node that was on a link before counts on there; what is to stay as it is, stays. */
  install(wanted: readonly LinkInterface[]): void {
    const before = new Map<string, VirtualInterface[]>();
    for (const each of this.interfaces) {
      const key = keyOf(each.settings);
      before.set(key, [...(before.get(key) ?? []), each]);
    }
    this.interfaces = wanted.map((settings) => {
      const known = before.get(keyOf(settings))?.shift();
      if (known !== undefined && JSON.stringify(known.settings) === JSON.stringify(settings)) return known;
      return new VirtualInterface(this.memory.arena, settings, known?.counted, this.isForStations);
    });
    for (const { counted } of [...before.values()].flat()) {
      for (let i = 0; i < COUNTERS; i++) this.gone[i] += counted[i];
    }
    this.first.fill(END);
    const entries: number[] = [];
    this.interfaces.forEach(({ settings }, place) => {
      for (const vlan of settings.hears) {
        entries.push(place, this.first[vlan]);
        this.first[vlan] = entries.length - 2;
      }
    });
    this.links = Int32Array.from(entries);
  }

  get all(): readonly VirtualInterface[] {
    return this.interfaces;
  }

  /** Place of a node's interface on a link; −1 = it has none. */
  find(node: NodeRef, link: number): number {
    return this.interfaces.findIndex(({ ref, settings }) => ref === node && settings.link === link);
  }

  at(place: number): VirtualInterface {
    return this.interfaces[place];
  }

  /**
   * Takes the frame in slot number `slot` from the LAN. Writes the slots of those who get it, and the places of their
   * interfaces, alternately into the u32 list at byte address `list`, with room for all interfaces; returns how many there
   * are. The slot is one of these, or free.
   */
  receive(slot: number, list: number): number {
    const { arena, slots } = this.memory;
    const vlan = vlanAt(arena, arena.slot(slot));
    const entry = vlan <= UNTAGGED ? END : this.first[vlan];
    if (entry === END) {
      if (vlan === CUT) this.cut++;
      else if (vlan === UNTAGGED) this.untagged++;
      else this.unheard++;
      slots.free(slot);
      return 0;
    }
    return this.offer(entry, slot, list, END, true);
  }

  /**
   * Sends the sealed frame in slot number `slot` by the interface at a place. Afterwards it is ready for the port; copies for
   * other interfaces here are listed as by {@link receive}. Returns how many, or {@link NOT_SENT}.
   */
  send(place: number, slot: number, list: number): number {
    const { arena, slots } = this.memory;
    if (this.interfaces[place].egress(arena.slot(slot)) !== 0) {
      slots.free(slot);
      return NOT_SENT;
    }
    const entry = this.first[vlanAt(arena, arena.slot(slot))];
    return entry === END ? 0 : this.offer(entry, slot, list, place, false);
  }

  statistics(): UnheardFrames {
    const { cut, untagged, unheard } = this;
    return { cut, untagged, unheard };
  }

  /** Copies for all but the last of a VLAN's interfaces, who gets the slot itself if it `isGiven`. */
  private offer(entry: number, slot: number, list: number, except: number, isGiven: boolean): number {
    const { arena, slots } = this.memory;
    const { u32 } = arena;
    let taken = 0;
    for (let at = entry; at !== END; at = this.links[at + 1]) {
      const place = this.links[at];
      if (place === except) continue;
      const isLast = isGiven && this.links[at + 1] === END;
      const copy = isLast ? slot : slots.allocate();
      if (copy < 0) {
        this.interfaces[place].missed();
        continue;
      }
      if (!isLast) this.kernels.copySealed(slot, copy);
      if (this.interfaces[place].ingress(arena.slot(copy)) === 0) {
        u32[(list >>> 2) + 2 * taken] = copy;
        u32[(list >>> 2) + 2 * taken++ + 1] = place;
      } else slots.free(copy);
    }
    return taken;
  }
}

function keyOf({ node, link }: LinkInterface): string {
  return `${node.cluster}/${node.node} ${link}`;
}
