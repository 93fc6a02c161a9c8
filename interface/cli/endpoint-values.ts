import { parseEndpoint, type Endpoint } from '../../domain/base/endpoint';
import type { UdpNetwork } from './programs';
import { usage } from './values';

/** Readers of option values that name sockets. */

/** `HOST:PORT` to send to. */
export function parseAddress(option: string, text: string): Endpoint {
  const endpoint = parseEndpoint(text);
  if (endpoint === undefined || endpoint.port === 0) throw usage(option, text, 'HOST:PORT', '127.0.0.1:6001');
  return endpoint;
}

/** `PORT` of any address of this host, or `HOST:PORT`, to listen on. */
export function parseListen(option: string, text: string): Endpoint {
  const endpoint = parseEndpoint(/^\d+$/.test(text) ? `0.0.0.0:${text}` : text);
  if (endpoint === undefined) throw usage(option, text, 'PORT or HOST:PORT', '7004');
  return endpoint;
}

/** `NAME,…=udp:LOCAL>HOST:PORT`, with LOCAL as {@link parseListen} reads it. */
export function parseNetwork(option: string, text: string): UdpNetwork {
  const example = 'EN-1=udp:6001>127.0.0.1:7001';
  const match = /^([^=]+)=udp:([^>]+)>(.+)$/.exec(text);
  const names = match === null ? [] : match[1]!.split(',').map((name) => name.trim());
  if (match === null || names.includes('') || new Set(names).size < names.length)
    throw usage(option, text, 'NAME=udp:PORT>HOST:PORT', example);
  return { names, local: parseListen(option, match[2]!), remote: parseAddress(option, match[3]!) };
}
