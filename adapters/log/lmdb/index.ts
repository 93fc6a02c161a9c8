/** The event log on LMDB: the embedded default. */
export { openLmdbLog, type LmdbLog, type LmdbLogOptions } from './lmdb-log';
export { requestWriter } from './request-writer';
export type { RequestHandler } from './writer-lock';
