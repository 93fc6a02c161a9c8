import type { ExternalNetwork } from '../../../domain/topology/topology';
import type { Networks } from './networks';
import type { Reader, Value } from './reader';

/**
 * Reads `bridgeDomains`: name → networks between which broadcast and multicast are copied; `inCapture` holds domains that
 * an older file lists under `capture`. Returns the networks, each with the number of its domain.
 */
export function readBridges(
  reader: Reader,
  section: Value,
  inCapture: readonly Value[],
  { names, networks }: Networks,
): ExternalNetwork[] {
  const domainOf = new Map<number, number>();
  const domains = [
    ...reader.named(section, 'bridgeDomains').map(({ name, key, value }) => ({ name, key, value })),
    ...inCapture.map((value, index) => ({ name: `${index + 1} of the capture`, key: value, value })),
  ];
  domains.forEach(({ name, key, value }, index) => {
    const members = names.idsOf(value, `bridge domain ${name}`);
    if (members.length < 2) {
      reader.problem(key, `bridge domain ${name} has fewer than two networks`, 'list the networks that it joins');
    }
    for (const network of members) {
      if (domainOf.has(network)) {
        const what = `network ${names.nameOf(network)} is in several bridge domains, or twice in one`;
        reader.problem(value, what, 'join domains that share a network');
      }
      domainOf.set(network, index + 1);
    }
  });
  return networks.map((network) => {
    const bridge = domainOf.get(network.id);
    return bridge === undefined ? network : { ...network, bridge };
  });
}
