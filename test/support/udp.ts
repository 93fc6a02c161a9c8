import { createSocket } from 'node:dgram';
import { setTimeout as delay } from 'node:timers/promises';

/** Distinct UDP ports that are free on loopback at this moment. */
export async function freeUdpPorts(count: number): Promise<number[]> {
  const sockets = Array.from({ length: count }, () => createSocket('udp4'));
  await Promise.all(sockets.map((socket) => new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))));
  const ports = sockets.map((socket) => socket.address().port);
  await Promise.all(sockets.map((socket) => new Promise<void>((resolve) => socket.close(resolve))));
  return ports;
}

/** Waits until `done`, looking a thousand times a second; against hanging, the test's own time limit stands. */
export async function until(done: () => boolean): Promise<void> {
  while (!done()) await delay(1);
}
