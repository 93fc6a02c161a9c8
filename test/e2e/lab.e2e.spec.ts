import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { describeWithServer } from '../services/suite';
import { LabNetwork, labAvailable } from '../support/lab/network';

const ROOT = join(__dirname, '../..');
const PORT = 7000;
/** Answers each datagram with the same bytes, and says what came. */
const ECHO = `
const socket = require('node:dgram').createSocket('udp4');
socket.on('message', (bytes, { port, address }) => { console.log(String(bytes)); socket.send(bytes, port, address); });
socket.bind(${PORT}, () => console.log('ready'));
`;

function namespaces(): string[] {
  return execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.split(' ')[0]!);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describeWithServer('a lab of network namespaces', labAvailable, () => {
  let network: LabNetwork;
  let echo: ChildProcess;
  let lines: Interface;
  let socket: Socket;
  const [heard, answered]: [string[], string[]] = [[], []];

  beforeAll(async () => {
    network = LabNetwork.create(['a', 'b']);
    const { inside, address } = network.host('a');
    const [command, ...args] = [...inside, process.execPath, '-e', ECHO];
    echo = spawn(command!, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    lines = createInterface(echo.stdout!).on('line', (line) => heard.push(line));
    await once(lines, 'line');
    socket = createSocket('udp4').on('message', (bytes) => answered.push(bytes.toString()));
    await new Promise<void>((resolve) => socket.connect(PORT, address, resolve));
  });
  afterAll(async () => {
    socket.close();
    lines.close();
    await network.remove();
  });

  /** Asks again and again until the answer has come. */
  const exchange = async (text: string): Promise<void> => {
    for (; !answered.includes(text); await delay(10)) socket.send(text);
  };

  test('FG-400: a cut drops what goes one way and lets through what goes the other, until it is healed', async () => {
    await exchange('whole');
    network.cut('a', 'out');
    for (; !heard.includes('unanswered'); await delay(10)) socket.send('unanswered');
    network.heal();
    await exchange('healed');
    expect(answered).not.toContain('unanswered');
    network.cut('a', 'in');
    socket.send('unheard');
    network.heal();
    network.cut('a', 'both', ['b']);
    await exchange('another pair is cut');
    network.heal();
    expect(heard).not.toContain('unheard');
  });

  test('FG-400: a lab goes with the process that made it, however that ends', async () => {
    const made = `const { LabNetwork } = require('./test/support/lab/network.ts');
      const { inside } = LabNetwork.create(['c']).host('c');
      const [command, ...args] = [...inside, 'sh', '-c', 'echo $$; sleep 600'];
      require('node:child_process').spawn(command, args, { stdio: 'inherit' });
      setInterval(() => undefined, 1000);`;
    const maker = spawn(process.execPath, ['-r', './test/services/register.cjs', '-e', made], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const output = createInterface(maker.stdout);
    const [pid] = (await once(output, 'line')) as [string];
    const mine = (): string[] => namespaces().filter((name) => name.startsWith(`flowgrid-${maker.pid}-`));
    expect(mine()).toHaveLength(2);
    maker.kill('SIGKILL');
    while (mine().length > 0) await delay(10);
    while (isAlive(Number(pid))) await delay(10);
    output.close();
  });
});
