export { createCli, type Cli } from './create-cli';
export * from './programs';
export { formatWhen, parseWhen, type When } from './when';
