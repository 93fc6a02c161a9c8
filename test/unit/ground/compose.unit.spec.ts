import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KAFKA_VERSION } from '../../services/kafka';
import { NATS_VERSION } from '../../services/nats';
import { TEMPORAL_CLI_VERSION } from '../../services/temporal';
import { readCompose } from '../../support/compose';

const { services, volumes } = readCompose();
const page = readFileSync(join(__dirname, '../../../docs/how-to/distributed.md'), 'utf8');

/** Servers by the option of a program that names them. */
const OPTION: Readonly<Record<string, string>> = { kafka: '--kafka', nats: '--nats', temporal: '--temporal' };

/** Ports of a service that this machine reaches, with those behind them. */
const published = (name: string): RegExpMatchArray[] =>
  services[name]!.ports.map((port) => /^([\d.]+):(\d+):(\d+)$/.exec(port)!);

/** What follows an option on this machine, in the commands of the page. */
const addressesAfter = (option: string): string[] =>
  Array.from(page.matchAll(new RegExp(`${option} (127\\.0\\.0\\.1:\\d+)`, 'g')), ([, address]) => address!);

describe('compose.yaml', () => {
  it('FG-444: has the servers and versions that tests start', () => {
    expect(Object.fromEntries(Object.entries(services).map(([name, { image }]) => [name, image]))).toEqual({
      kafka: `apache/kafka:${KAFKA_VERSION}`,
      nats: `nats:${NATS_VERSION.slice(1)}-alpine`,
      temporal: `temporalio/temporal:${TEMPORAL_CLI_VERSION.slice(1)}`,
    });
  });

  it('FG-444: lets nobody in from elsewhere, and knows when a server answers', () => {
    for (const [name, { healthcheck }] of Object.entries(services)) {
      expect(published(name).map(([, address]) => address)).toEqual(services[name]!.ports.map(() => '127.0.0.1'));
      expect(healthcheck.test[0]).toBe('CMD');
    }
  });

  it('FG-444: keeps what has to be kept on volumes that it declares', () => {
    const used = Object.values(services).flatMap((service) => service.volumes ?? []);
    expect(used.map((each) => each.split(':')[0]).sort()).toEqual(Object.keys(volumes).sort());
    const logDir = String(services['kafka']!.environment!['KAFKA_LOG_DIRS']);
    expect(services['kafka']!.volumes).toContain(`kafka:${logDir}`);
    const file = services['temporal']!.command!.at(services['temporal']!.command!.indexOf('--db-filename') + 1)!;
    expect(services['temporal']!.volumes).toContain(`temporal:${file.slice(0, file.lastIndexOf('/'))}`);
  });

  it('FG-444: servers listen at the ports that are published', () => {
    const said = [...services['nats']!.command!, ...services['temporal']!.command!];
    for (const name of ['nats', 'temporal']) {
      for (const [, , , inside] of published(name)) expect(said).toContain(inside);
    }
    const { KAFKA_LISTENERS: listeners, KAFKA_ADVERTISED_LISTENERS: advertised } = services['kafka']!.environment!;
    const [[, address, outside, inside]] = published('kafka') as [RegExpMatchArray];
    expect(String(listeners).split(',')).toContain(`PLAINTEXT://0.0.0.0:${inside}`);
    expect(advertised).toBe(`PLAINTEXT://${address}:${outside}`);
  });

  it.each(Object.entries(OPTION))('FG-444: the how-to reaches %s where it is', (name, option) => {
    const reached = published(name).map(([, address, port]) => `${address}:${port}`);
    const addresses = addressesAfter(option);
    expect(addresses.length).toBeGreaterThan(0);
    for (const address of addresses) expect(reached).toContain(address);
    const [row] = page.match(new RegExp(`^\\| ${name} \\|.*$`, 'im'))!;
    for (const [address] of row.matchAll(/127\.0\.0\.1:\d+/g)) expect(reached).toContain(address);
  });

  it('FG-444: the how-to names only services that there are', () => {
    const commands = Array.from(page.matchAll(/docker compose ([^\n#`]+)/g), ([, words]) => words!.trim().split(/\s+/));
    const named = commands.flatMap(([, ...words]) => words.filter((word) => !word.startsWith('-')));
    expect(commands.length).toBeGreaterThan(2);
    expect(Object.keys(services)).toEqual(expect.arrayContaining(named));
  });
});
