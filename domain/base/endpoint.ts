/** Where a socket listens or sends to. */
export interface Endpoint {
  /** An IP address or a name. */
  readonly host: string;
  readonly port: number;
}

const PORT_MAX = 65_535;

/**
 * Reads `host:port`, `[IPv6 address]:port`; undefined when the text is neither. Port 0 (any free one) is for listening.
 */
export function parseEndpoint(text: string): Endpoint | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s/,]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > PORT_MAX) return undefined;
  return { host: (match[1] ?? match[2])!, port };
}

/** The text that {@link parseEndpoint} reads. */
export function endpointText({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
