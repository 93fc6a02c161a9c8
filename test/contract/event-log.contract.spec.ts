import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLmdbLog } from '../../adapters/log/lmdb';
import { createMemoryLog, createMemoryStore } from '../../adapters/log/memory';
import { describeEventLog } from './event-log.contract';

describeEventLog('memory', async () => {
  const store = createMemoryStore();
  return { open: async () => createMemoryLog({ store }), dispose: async () => undefined };
});

describeEventLog('lmdb', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'flowgrid-log-'));
  return {
    open: () => openLmdbLog({ dir, mode: 'writer' }),
    dispose: async () => rmSync(dir, { recursive: true, force: true }),
  };
});
