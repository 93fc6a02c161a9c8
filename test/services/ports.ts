import { type AddressInfo, connect, createServer } from 'node:net';

/** Distinct TCP ports that are free on loopback at this moment. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listen()));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function listen(): Promise<ReturnType<typeof createServer>> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

/**
 * Connects to a port, sends `question` and returns the first bytes that come back, or undefined when nobody
 * listens or nothing comes within `timeoutMs`.
 */
export function ask(
  { address, port }: { readonly address: string; readonly port: number },
  question: Uint8Array,
  timeoutMs = 1000,
): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, address);
    const end = (answer?: Buffer): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeoutMs, () => end());
    socket.once('error', () => end());
    socket.once('close', () => resolve(undefined));
    socket.once('connect', () => socket.write(question));
    socket.once('data', (answer) => end(answer));
  });
}
