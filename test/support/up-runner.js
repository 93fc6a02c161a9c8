/**
 * A process that runs one `flowgrid` command after the other, as `bin/flowgrid` runs one: hundreds of captures go through
 * grids in the tests, and starting a process for each would cost more than the grids do.
 */
const { run } = require('../../dist/runtime/programs/main.js');

// Every command listens for the signals that interrupt it.
process.setMaxListeners(0);

process.on('message', async (args) => {
  process.send({ code: await run(args) });
});
