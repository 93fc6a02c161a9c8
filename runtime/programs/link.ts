import { FlowgridError } from '../../domain/base/errors';
import { nearestName } from '../../domain/base/nearest';
import type { GridState } from '../../domain/grid-state';
import { isTrial } from '../../domain/provisioning/trial';
import type { VirtualLink } from '../../domain/topology/topology';
import { conditionsText, lanBridgeText } from '../../interface/cli/lan-bridge-text';
import { lanOpenconfig } from '../../interface/cli/lan-openconfig';
import { lanPlanText } from '../../interface/cli/lan-plan-text';
import { linksText, linkText } from '../../interface/cli/link-text';
import { EXIT, type Io, type LinkOptions } from '../../interface/cli/programs';
import { lanPlanView, linkRecords, linksView, wholeLinkView } from '../../projections';
import { foreseenState, linkRecordsText, loadGridFile } from '../control/grid-file';
import { readGridFile } from './grid-text';
import { gridAt, withLog } from './log-reading';

/**
 * `flowgrid link`: the virtual links of a grid, from its log or from a grid file: all of them, one whole, as records, or what
 * they ask of the LAN switch. Exit 4 for a plan by which the LAN would join links that are not one.
 *
 * @throws FlowgridError `not-found` where there is no log, file or link; `invalid-grid` for a wrong grid file.
 */
export async function link(options: LinkOptions, io: Io): Promise<number> {
  const state = await stateOf(options);
  const say = (view: object, text: readonly string[]): void => {
    if (options.json) io.out(JSON.stringify(view));
    else for (const line of text) io.out(line);
  };
  switch (options.act.kind) {
    case 'list': {
      const view = linksView(state);
      say(view, linksText(view));
      return EXIT.ok;
    }
    case 'show': {
      const view = wholeLinkView(state, linkNamed(state, options.act.name));
      say(view, linkText(view));
      return EXIT.ok;
    }
    case 'export': {
      const links = Object.values(state.links.links).filter(({ name }) => !isTrial(name));
      const records = linkRecords(state, links);
      say({ links: records }, [linkRecordsText(records).trimEnd()]);
      return EXIT.ok;
    }
    case 'plan': {
      const view = lanPlanView(state);
      const { format } = options.act;
      if (format === 'openconfig') {
        const document = lanOpenconfig(view);
        say(document, [JSON.stringify(document, undefined, 2)]);
        for (const condition of conditionsText(view)) io.err(condition);
      } else say(view, format === 'linux-bridge' ? lanBridgeText(view) : lanPlanText(view));
      return view.shared.length === 0 ? EXIT.ok : EXIT.findings;
    }
  }
}

async function stateOf({ file, at, data }: LinkOptions): Promise<GridState> {
  if (file !== undefined) return foreseenState(loadGridFile(readGridFile(file), file));
  return withLog(data, (log) => gridAt(log, at, data));
}

/** @throws FlowgridError `not-found` with the nearest name */
export function linkNamed({ links: { links } }: Pick<GridState, 'links'>, name: string): VirtualLink {
  const all = Object.values(links);
  const found = all.find((each) => each.name === name);
  if (found !== undefined) return found;
  const names = all.map((each) => each.name);
  const nearest = nearestName(name, names);
  throw new FlowgridError('not-found', `there is no link ${name}; links of this grid: ${names.join(', ') || 'none'}`, {
    remedy: nearest === undefined ? 'a grid file names links under "links"' : `perhaps ${nearest}?`,
  });
}
