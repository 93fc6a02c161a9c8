import type { LinkEdit } from '../../../../../interface/cli/programs';
import type { LinkRecord } from '../../../../../projections';
import { editedRecord } from '../../../../../runtime/programs/links/edit';

const star: LinkRecord = { id: 1, kind: 'star', members: [{ member: 'IA', side: 'root' }, 'AB', 'AC'], mtu: 9000 };
const pair: LinkRecord = { kind: 'resilient', members: ['IA-1', 'AB-1', 'AB-2'] };
const hub: LinkRecord = { kind: 'hub', members: ['AB-1', { member: 'AB-2', promiscuous: true }] };
const tap: LinkRecord = { kind: 'replicated', members: ['AC'], tap: { link: 'down', direction: 'backward' } };
const tagged: LinkRecord = { kind: 'external', members: ['EN-1', 'IA'], vlans: [7] };

const edits: readonly (readonly [string, LinkRecord, LinkEdit, LinkRecord])[] = [
  ['nothing said, nothing changed', star, {}, star],
  ['a new link is a switch', {}, { members: ['IA', 'AB'] }, { kind: 'switch', members: ['IA', 'AB'] }],
  [
    'a root is a member',
    {},
    { kind: 'star', members: ['AB'], root: 'IA' },
    { kind: 'star', members: [{ member: 'IA', side: 'root' }, 'AB'] },
  ],
  ['members keep their sides', star, { members: ['AB', 'IA'] }, { ...star, members: ['AB', star.members![0]!] }],
  [
    'a root is taken from whoever was it',
    star,
    { root: 'AC' },
    { ...star, members: ['IA', 'AB', { member: 'AC', side: 'root' }] },
  ],
  [
    'the standby becomes the primary',
    pair,
    { primary: 'AB-2', standby: 'AB-1' },
    { ...pair, members: ['IA-1', { member: 'AB-1', side: 'standby' }, { member: 'AB-2', side: 'primary' }] },
  ],
  [
    'another hears all',
    hub,
    { promiscuous: ['AB-1'] },
    { ...hub, members: [{ member: 'AB-1', promiscuous: true }, 'AB-2'] },
  ],
  ['the primary comes back', pair, { restoreMs: 500 }, { ...pair, restoreMs: 500 }],
  ['nobody hears all', hub, { promiscuous: [] }, { ...hub, members: ['AB-1', 'AB-2'] }],
  ['a tap turns round', tap, { direction: 'forward' }, { ...tap, tap: { link: 'down', direction: 'forward' } }],
  ['a tap moves', tap, { tap: 'up' }, { ...tap, tap: { link: 'up', direction: 'backward' } }],
  ['all VLANs', tagged, { vlans: 'all' }, { kind: 'external', members: ['EN-1', 'IA'] }],
  ['other VLANs', tagged, { vlans: [1, 2] }, { ...tagged, vlans: [1, 2] }],
  [
    'another kind has neither sides nor options of the old one',
    { ...star, hub: true, direction: 'forward' },
    { kind: 'switch' },
    { id: 1, kind: 'switch', members: ['IA', 'AB', 'AC'], mtu: 9000 },
  ],
];

it.each(edits)('FG-564: a link as a command line changes it: %s', (_what, before, edit, after) => {
  expect(editedRecord(before, edit)).toEqual(after);
});
