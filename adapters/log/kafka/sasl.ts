import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Conversation } from './conversation';
import type { KafkaSasl } from './security';
import { block, text } from './wire';

const SASL_HANDSHAKE = 17;
const SASL_AUTHENTICATE = 36;
/** Fewer rounds are refused: whoever asks for them is after the password (RFC 7677). */
const ITERATIONS_MIN = 4_096;
const ITERATIONS_MAX = 1_000_000;

/**
 * Says who this client is: SASL PLAIN (RFC 4616) or SCRAM (RFC 5802, RFC 7677), in which the broker, too, proves that it
 * knows the password.
 *
 * @throws Error with the broker's words when it refuses.
 */
export async function authenticate(broker: Conversation, { mechanism, user, password }: KafkaSasl): Promise<void> {
  const handshake = await broker.ask({ api: SASL_HANDSHAKE, version: 1, body: [text(mechanism)] });
  if (handshake.int16() !== 0) throw new Error(`the broker does not offer SASL ${mechanism}`);
  const say = async (words: Buffer): Promise<Buffer> => {
    const answer = await broker.ask({ api: SASL_AUTHENTICATE, version: 0, body: [block(words)] });
    const error = answer.int16();
    const message = answer.text();
    if (error !== 0) throw new Error(message ?? `SASL ${mechanism}: error ${error}`);
    return answer.block();
  };
  if (mechanism === 'PLAIN') await say(Buffer.from(`\0${user}\0${password}`));
  else await scram(mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512', user, password, say);
}

async function scram(
  hash: 'sha256' | 'sha512',
  user: string,
  password: string,
  say: (words: Buffer) => Promise<Buffer>,
): Promise<void> {
  const nonce = randomBytes(24).toString('base64');
  const first = `n=${user.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`;
  const challenge = (await say(Buffer.from(`n,,${first}`))).toString();
  const { r = '', s = '', i = '' } = attributesOf(challenge);
  const iterations = Number(i);
  if (!r.startsWith(nonce) || !(iterations >= ITERATIONS_MIN && iterations <= ITERATIONS_MAX)) {
    throw new Error('the broker answered SCRAM with something else');
  }
  const last = `c=biws,r=${r}`;
  const all = `${first},${challenge},${last}`;
  const mac = (key: Buffer, words: string): Buffer => createHmac(hash, key).update(words).digest();
  const length = hash === 'sha256' ? 32 : 64;
  const salted = pbkdf2Sync(password, Buffer.from(s, 'base64'), iterations, length, hash);
  const clientKey = mac(salted, 'Client Key');
  const signature = mac(createHash(hash).update(clientKey).digest(), all);
  const proof = clientKey.map((byte, at) => byte ^ signature[at]!);
  const answer = attributesOf(
    (await say(Buffer.from(`${last},p=${Buffer.from(proof).toString('base64')}`))).toString(),
  );
  const told = Buffer.from(answer['v'] ?? '', 'base64');
  const wanted = mac(mac(salted, 'Server Key'), all);
  if (told.length !== wanted.length || !timingSafeEqual(told, wanted)) {
    throw new Error('the broker did not prove that it knows the password');
  }
}

function attributesOf(words: string): Readonly<Record<string, string>> {
  return Object.fromEntries(words.split(',').map((part) => [part.slice(0, 1), part.slice(2)]));
}
