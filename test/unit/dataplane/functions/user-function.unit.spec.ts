import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FunctionRegistry, loadFunctionModule } from '../../../../dataplane/functions/registry';
import { packet } from './packets';
import { Rig } from './rig';

const EXAMPLES = join(__dirname, '../../../../examples');
const PATH = join(EXAMPLES, 'functions/port-knock');
const CONFIG = { path: './functions/port-knock', guarded: 22, knocks: [7000, 8000], withinMs: 1000, dscp: 46 };
const client = { from: '10.0.0.1', to: '192.0.2.80' };
const knock = (port: number): Uint8Array => packet({ ...client, proto: 'udp', port });
const ssh = packet({ ...client, port: 22, flags: 'S' });

const makeRig = (): Rig => new Rig({ name: 'module', config: CONFIG }, undefined, 1, new FunctionRegistry(EXAMPLES));

describe('FG-118: a function of a user’s own', () => {
  test('is loaded by module path, relative to the grid file', () => {
    expect(loadFunctionModule(PATH).name).toBe('port-knock');
    expect(makeRig().run({ bytes: ssh }).reason).toBe('not-knocked');
  });

  test('does its work: knocks are consumed, the port opens, frames are marked', () => {
    const rig = makeRig();
    expect([7000, 8000].map((port) => rig.run({ bytes: knock(port) }).reason)).toEqual(['consumed', 'consumed']);
    const opened = rig.run({ bytes: ssh });
    expect(opened).toMatchObject({ reason: 'none', altered: true });
    expect(opened.bytes![15] >>> 2).toBe(46);
  });

  test('a wrong order and a late knock do not open', () => {
    const rig = makeRig();
    for (const port of [8000, 7000]) rig.run({ bytes: knock(port) });
    expect(rig.run({ bytes: ssh }).reason).toBe('not-knocked');
    const slow = makeRig();
    slow.run({ bytes: knock(7000), at: 1_000_000 });
    slow.run({ bytes: knock(8000), at: 3_000_000 });
    expect(slow.run({ bytes: ssh, at: 3_000_001 }).reason).toBe('not-knocked');
  });

  test('FG-113: is taken over in the middle of knocking', () => {
    const first = makeRig();
    first.run({ bytes: knock(7000) });
    const heir = makeRig();
    heir.host.importFlow(0x01000001, first.host.exportFlow(0x01000001)!);
    heir.run({ bytes: knock(8000) });
    expect(heir.run({ bytes: ssh }).reason).toBe('none');
  });

  test('imports nothing but the public interface', () => {
    const text = readFileSync(`${PATH}.ts`, 'utf8');
    const imports = [...text.matchAll(/from '([^']+)'/g)].map((match) => match[1]);
    expect(imports).toEqual(['../../dataplane/functions']);
  });
});
