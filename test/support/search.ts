import * as fc from 'fast-check';

/**
 * Property tests search elsewhere in every run, but for CI's: there a change is judged, and a fault that has stood for long
 * is no verdict on it. `FLOWGRID_SEARCH` begins a search where a number says.
 */
const begin = process.env['FLOWGRID_SEARCH'] ?? (process.env['CI'] === 'true' ? '20261128' : undefined);
if (begin !== undefined) fc.configureGlobal({ seed: Number(begin) });
