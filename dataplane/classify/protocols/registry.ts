import { ftp } from './ftp';
import { http } from './http';
import type { ApplicationProtocol } from './protocol';
import { sip } from './sip';
import { tls } from './tls';

/** The application protocols that the classifier knows. The next one is a file beside these and a name here. */
export const APPLICATION_PROTOCOLS: readonly ApplicationProtocol[] = [ftp, sip, tls, http];
