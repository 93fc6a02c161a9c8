import type { LinkRecord, LinkRecords } from '../../projections';

/** What became, or would become, of links, by name. */
export interface ArrangementView {
  readonly created: LinkRecords;
  readonly changed: { readonly [name: string]: { readonly was: LinkRecord; readonly is: LinkRecord } };
  readonly deleted: LinkRecords;
}

/**
 * What people read of `link create`, `change`, `delete` and `apply`: a line for each link, and how many there were.
 *
 * @param seq the commit; absent where there is none
 */
export function arrangedText({ created, changed, deleted }: ArrangementView, dryRun: boolean, seq?: number): string[] {
  const verb = (done: string, would: string): string => (dryRun ? `would ${would}` : done);
  const lines = [
    ...Object.entries(deleted).map(([name]) => `${verb('deleted', 'delete')} ${name}`),
    ...Object.entries(changed).map(
      ([name, { was, is }]) => `${verb('changed', 'change')} ${name}: ${changeText(was, is)}`,
    ),
    ...Object.entries(created).map(([name, link]) => `${verb('created', 'create')} ${name}: ${recordText(link)}`),
  ];
  if (lines.length === 0) return ['the links are so already'];
  const commit = seq === undefined ? '' : `: commit ${seq}`;
  return [...lines, `${lines.length} link${lines.length === 1 ? '' : 's'}${dryRun ? ', nothing was done' : commit}`];
}

function recordText({ id: _, kind, members, ...options }: LinkRecord): string {
  const told = Object.entries(options).map(([option, value]) => (value === true ? option : `${option} ${text(value)}`));
  return [kind ?? 'switch', text(members), ...told].join(', ');
}

function changeText(was: LinkRecord, is: LinkRecord): string {
  const names = [...new Set([...Object.keys(was), ...Object.keys(is)])] as (keyof LinkRecord)[];
  const told = names
    .filter((name) => text(was[name]) !== text(is[name]))
    .map((name) => `${name} ${text(was[name])} → ${text(is[name])}`);
  return told.length === 0 ? 'it gets the VLAN IDs that it lacks' : told.join('; ');
}

/** A value as a record writes it; what is absent is `-`. */
function text(value: unknown): string {
  if (value === undefined) return '-';
  if (Array.isArray(value)) return `[${value.map(text).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  const { member, ...traits } = value as { readonly member?: string };
  const rest = Object.entries(traits).map(([name, trait]) => (trait === true ? name : text(trait)));
  return member === undefined ? rest.join(' ') : `${member} (${rest.join(', ')})`;
}
