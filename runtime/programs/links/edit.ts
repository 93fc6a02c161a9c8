import type { LinkEdit } from '../../../interface/cli/programs';
import { memberOfRecord, type LinkRecord, type MemberRecord } from '../../../projections';

/** A link's record with what a command line says of it. Options of another kind go when the kind changes, as sides do. */
export function editedRecord(before: LinkRecord, edit: LinkEdit): LinkRecord {
  const kind = edit.kind ?? before.kind ?? 'switch';
  const { id, control, mtu, narrow, members = [] } = before;
  const isOther = kind !== before.kind;
  const base: LinkRecord = isOther ? { members: members.map(memberOfRecord) } : before;
  const common = { ...(id !== undefined && { id }), ...(mtu !== undefined && { mtu }), control, narrow };
  const record = { ...base, ...common, kind, members: editedMembers(base.members ?? [], edit) };
  return withoutAbsent({ ...record, ...editedOptions(base, kind, edit) });
}

function editedOptions(base: LinkRecord, kind: LinkRecord['kind'], edit: LinkEdit): LinkRecord {
  const { direction, hub, restoreMs, tap, vlans, control, narrow, mtu } = edit;
  const link = tap ?? base.tap?.link;
  const listens = kind === 'replicated' && link !== undefined;
  const way = direction ?? base.tap?.direction ?? 'forward';
  return {
    ...(direction !== undefined && !listens && { direction }),
    ...(listens ? { tap: { link, direction: way } } : tap !== undefined && { tap: { link: tap, direction: way } }),
    ...(hub !== undefined && { hub }),
    ...(restoreMs !== undefined && { restoreMs }),
    ...(control !== undefined && { control }),
    ...(narrow !== undefined && { narrow }),
    ...(mtu !== undefined && { mtu }),
    ...(vlans !== undefined && vlans !== 'all' && { vlans }),
    ...(vlans === 'all' && { vlans: undefined as never }),
  };
}

const SIDES = ['root', 'primary', 'standby'] as const;

/**
 * Members that are named anew keep the sides that they had. A side that is given to one is taken from whoever had it, who then
 * has what is left, by the order of the list: the root stands first.
 */
function editedMembers(before: readonly MemberRecord[], edit: LinkEdit): MemberRecord[] {
  const known = new Map(before.map((record) => [memberOfRecord(record), record]));
  let members = (edit.members ?? [...known.keys()]).map((name) => known.get(name) ?? name).map(whole);
  for (const side of SIDES) {
    const name = edit[side];
    if (name === undefined) continue;
    if (members.every(({ member }) => member !== name)) {
      members = side === 'root' ? [{ member: name }, ...members] : [...members, { member: name }];
    }
    members = members.map(({ side: had, ...rest }) => {
      if (rest.member === name) return { ...rest, side };
      return had === undefined || had === side ? rest : { ...rest, side: had };
    });
  }
  const { promiscuous } = edit;
  if (promiscuous !== undefined) {
    members = members.map(({ promiscuous: _, ...rest }) =>
      promiscuous.includes(rest.member) ? { ...rest, promiscuous: true } : rest,
    );
    const missing = promiscuous.filter((name) => members.every(({ member }) => member !== name));
    members = [...members, ...missing.map((member) => ({ member, promiscuous: true }))];
  }
  return members.map((record) => (Object.keys(record).length === 1 ? record.member : record));
}

function whole(record: MemberRecord): Exclude<MemberRecord, string> {
  return typeof record === 'string' ? { member: record } : record;
}

function withoutAbsent(record: LinkRecord): LinkRecord {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}
