import { parseNetwork } from '../../../../interface/cli/endpoint-values';

describe('a network attached by UDP', () => {
  it.each([
    ['EN-1=udp:6001>127.0.0.1:7001', ['EN-1'], '0.0.0.0', 6001, '127.0.0.1', 7001],
    ['lan=udp:127.0.0.1:6001>far.example:7001', ['lan'], '127.0.0.1', 6001, 'far.example', 7001],
    ['EN-1=udp:[::1]:0>[fe80::1]:65535', ['EN-1'], '::1', 0, 'fe80::1', 65_535],
    ['EN-10, EN-20=udp:6001>far.example:7001', ['EN-10', 'EN-20'], '0.0.0.0', 6001, 'far.example', 7001],
  ])('FG-545: reads %s', (text, names, host, port, remoteHost, remotePort) => {
    expect(parseNetwork('--network', text)).toEqual({
      names,
      local: { host, port },
      remote: { host: remoteHost, port: remotePort },
    });
  });

  it.each([
    ['', 'NAME=udp:PORT>HOST:PORT'],
    ['EN-1', 'NAME=udp:PORT>HOST:PORT'],
    ['=udp:6001>127.0.0.1:7001', 'NAME=udp:PORT>HOST:PORT'],
    ['EN-1,=udp:6001>127.0.0.1:7001', 'NAME=udp:PORT>HOST:PORT'],
    ['EN-1,EN-1=udp:6001>127.0.0.1:7001', 'NAME=udp:PORT>HOST:PORT'],
    ['EN-1=tcp:6001>127.0.0.1:7001', 'NAME=udp:PORT>HOST:PORT'],
    ['EN-1=udp:6001', 'NAME=udp:PORT>HOST:PORT'],
    ['EN-1=udp:65536>127.0.0.1:7001', "'65536' is not PORT or HOST:PORT"],
    ['EN-1=udp:6001>7001', "'7001' is not HOST:PORT"],
    ['EN-1=udp:6001>127.0.0.1:0', "'127.0.0.1:0' is not HOST:PORT"],
  ])("refuses '%s' and names the form", (text, form) => {
    expect(() => parseNetwork('--network', text)).toThrow(form);
  });
});
