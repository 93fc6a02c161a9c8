import { Document, visit } from 'yaml';
import type { ArrangeLinks } from '../../../domain/link/commands';
import { vlanSettingsOf } from '../../../domain/link/vlan-settings';
import { isTrial } from '../../../domain/provisioning/trial';
import type { FlowPath, VirtualLink } from '../../../domain/topology/topology';
import type { LinkRecords } from '../../../projections';
import { stateOfAnswer, type LinksAnswer } from '../link-desk';
import { readLinks } from './link-reading';
import { hasItsVlans, sameLink } from './links';
import { Names } from './names';
import { Reader, type Problem } from './reader';

/** What networks send at most, which the log does not say: the MTUs of records are held against that. */
const NETWORK_MTU = 1_500;
const DESCRIPTOR_BYTES = 42;

/** What records ask of a grid: a step, and what is wrong with them, in order of place. */
export interface ReadRecords {
  readonly step: ArrangeLinks['data'];
  readonly problems: readonly Problem[];
}

/**
 * Reads records of links ([0037]), `links` of a grid file, for a grid that exists: who is called as one of its links is that
 * link. What is desired is compared with what is.
 *
 * @param prune links that the records do not tell of are deleted; those that a workflow has added for a while stay
 */
export function readLinkRecords(text: string, answer: LinksAnswer, prune: boolean): ReadRecords {
  const reader = new Reader(text);
  const { links: section } = reader.members(reader.root, 'a file of link records', ['links']);
  if (reader.isAbsent(section)) {
    const remedy =
      'write "links:", and each link below it as in a grid file; \'flowgrid link export\' prints an example';
    reader.problem(reader.root, 'no link records', remedy);
  }
  const present = Object.values(answer.links.links);
  const stays = ({ name }: VirtualLink): boolean => !prune || isTrial(name);
  const networks = answer.grid?.networks ?? [];
  const links = readLinks(
    reader,
    section,
    namesOf(reader, 'cluster', answer.clusters),
    { names: namesOf(reader, 'network', networks), networks, mtu: NETWORK_MTU, routers: new Map() },
    DESCRIPTOR_BYTES + 2 * Math.max(0, ...answer.paths.map(({ clusters }: FlowPath) => clusters.length)),
    { settings: vlanSettingsOf(answer.grid), at: null },
    { links: present, stays, resting: answer.resting },
  );
  const problems = [...reader.problems].sort((a, b) => a.line - b.line || a.column - b.column);
  return { step: linkStep(answer, links, prune ? present.filter((link) => !stays(link)) : []), problems };
}

/** What is to be done so that these links are as they are wanted, and of others those are gone that need not stay. */
function linkStep(
  answer: LinksAnswer,
  wanted: readonly VirtualLink[],
  dispensable: readonly VirtualLink[],
): ArrangeLinks['data'] {
  const { links } = answer.links;
  const state = stateOfAnswer(answer);
  const isWhole = (link: VirtualLink): boolean => hasItsVlans(state, { networks: answer.grid?.networks ?? [] }, link);
  const ids = new Set(wanted.map(({ id }) => id));
  return {
    create: wanted.filter(({ id }) => links[id] === undefined),
    change: wanted.filter((link) => {
      const present = links[link.id];
      return present !== undefined && !(sameLink(present, link) && isWhole(present));
    }),
    delete: dispensable.filter(({ id }) => !ids.has(id)).map(({ id }) => id),
  };
}

function namesOf(
  reader: Reader,
  kind: string,
  named: readonly { readonly id: number; readonly name: string }[],
): Names {
  const names = new Names(reader, kind);
  for (const { id, name } of named) names.define(name, id, null);
  return names;
}

/** Records as YAML, a link a line, as a grid file may hold them. */
export function linkRecordsText(records: LinkRecords): string {
  const document = new Document({ links: records });
  visit(document, {
    Collection: (_, node, ancestors) => {
      node.flow = ancestors.filter((each) => 'items' in each).length > 1;
    },
  });
  return document.toString({ lineWidth: 0 });
}
