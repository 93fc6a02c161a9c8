import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { natsAvailable, startNats } from './nats';
import { describeWithServer } from './suite';

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describeWithServer('starting real servers', natsAvailable, () => {
  test('a killed server is gone, comes back on the same address, and stops for good', async () => {
    const server = await startNats();
    const first = server.pid;
    await server.kill();
    expect(alive(first)).toBe(false);
    await server.restart();
    expect(server.pid).not.toBe(first);
    expect(alive(server.pid)).toBe(true);
    await server.stop();
    expect(alive(server.pid)).toBe(false);
  });

  test('a server does not outlive a parent that is killed', async () => {
    const parent = spawn(process.execPath, [
      '-r',
      join(__dirname, 'register.cjs'),
      join(__dirname, 'main.ts'),
      'start',
      'nats',
    ]);
    const [line] = await Promise.race([
      new Promise<string[]>((resolve) => createInterface(parent.stdout).once('line', (text) => resolve([text]))),
      new Promise<string[]>((resolve) => parent.once('exit', () => resolve(['{}']))),
    ]);
    const { pid } = JSON.parse(line ?? '{}') as { pid?: number };
    expect(pid).toBeGreaterThan(0);
    expect(alive(pid as number)).toBe(true);
    parent.kill('SIGKILL');
    while (alive(pid as number)) await delay(20);
  });
});
