import { PACKAGE_BYTES_MAX } from '../../../../domain/package/decide';
import type { PublishPackage } from '../../../../domain/package/commands';
import { initialState } from '../../../../domain/grid-state';
import type { CommandBody } from '../../../../domain/commands';
import { smallGridCommands } from '../../runtime/control/small-grid';
import { and, givenSmallGrid, spec, type Specification } from '../given';

const publish = (change: Partial<PublishPackage['data']> = {}): PublishPackage => ({
  type: 'PublishPackage',
  data: { name: 'marker', version: '1.0.0', sha256: 'a'.repeat(64), bytes: 2, bundle: '{}', ...change },
});

/** FG-383: packages as the log knows them. */
export function packageSpecifications(): Specification[] {
  const small = givenSmallGrid();
  const published = and(small, publish());
  const [, , create] = smallGridCommands() as [never, never, Extract<CommandBody, { type: 'CreateCluster' }>];
  const runs = (name: string): CommandBody => ({
    type: 'ReconfigureCluster',
    data: { ...create.data, function: { name: 'package', config: name === '' ? {} : { package: name } } },
  });
  return [
    spec('FG-383: a package is published', small, publish(), ['PackagePublished']),
    spec('FG-383: again it changes nothing', published, publish(), []),
    spec('FG-383: its version is these bytes for ever', published, publish({ sha256: 'b'.repeat(64) }), 'exists'),
    spec('FG-383: another version is another', published, publish({ version: '1.0.1-rc.1' }), ['PackagePublished']),
    spec('FG-383: there is no grid for it', initialState(), publish(), 'not-found'),
    spec('FG-383: its name is plain', small, publish({ name: '../x' }), 'invalid'),
    spec('FG-383: its version is one', small, publish({ version: 'latest' }), 'invalid'),
    spec('FG-383: its hash is one', small, publish({ sha256: 'A'.repeat(64) }), 'invalid'),
    spec('FG-383: its size is bounded', small, publish({ bytes: PACKAGE_BYTES_MAX + 1 }), 'invalid'),
    spec('FG-383: its size is true', small, publish({ bytes: 1 }), 'invalid'),
    spec('FG-383: a cluster runs what was published', published, runs('marker@1.0.0'), ['ClusterReconfigured']),
    spec('FG-383: and nothing else', published, runs('marker@2.0.0'), 'not-found'),
    spec('FG-383: it names what it runs', published, runs(''), 'invalid'),
  ];
}
