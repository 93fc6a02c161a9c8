import { lookup as resolve } from 'node:dns';
import { isIP } from 'node:net';

/** Datagrams to a name after which it is looked up again: who has moved is found, and nobody waits for it. */
const USES = 1024;

type Answer = (error: NodeJS.ErrnoException | null, address: string, family: number) => void;

interface Known {
  readonly address: string;
  uses: number;
}

/**
 * Addresses for the names that a socket sends to, as `dgram` asks for them with every datagram. An address is its own
 * answer, at once; a name is looked up for the first datagram, and now and then again behind the datagrams' backs.
 */
export class Names {
  private readonly known = new Map<string, Known>();

  readonly lookup = (name: string, family: unknown, answer: Answer): void => {
    const kind = isIP(name);
    if (kind !== 0) {
      answer(null, name, kind);
      return;
    }
    const wanted = family === 6 ? 6 : 4;
    const known = this.known.get(name);
    if (known === undefined) this.find(name, wanted, answer);
    else {
      answer(null, known.address, wanted);
      if (++known.uses % USES === 0) this.find(name, wanted, () => undefined);
    }
  };

  private find(name: string, family: 4 | 6, answer: Answer): void {
    resolve(name, { family }, (error, address) => {
      if (error === null) this.known.set(name, { address, uses: 0 });
      answer(error, address, family);
    });
  }
}
