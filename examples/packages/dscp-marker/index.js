'use strict';

const { FORWARD, drop } = require('flowgrid');

const TOO_SHORT = drop(0);

/** Marks IPv4 and IPv6 frames to some ports; others pass as they are. */
exports.definition = {
  name: 'dscp-marker',
  summary: 'marks frames to some ports',
  create(config) {
    const ports = config.ranges('ports', 1, 65535);
    const dscp = config.integer('dscp', 0, 63);
    return {
      stateKind: 'stateless',
      reads: 'headers',
      dropReasons: ['too-short'],
      process(frame) {
        if (frame.ip !== 0 && frame.length < 34) return TOO_SHORT;
        const isMeant = ports.some(([first, last]) => frame.destinationPort >= first && frame.destinationPort <= last);
        if (isMeant) frame.setDscp(dscp);
        return FORWARD;
      },
    };
  },
};
