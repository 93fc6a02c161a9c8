import { FlowgridError } from '../../domain/base/errors';

/** Loads an optional package where it is first needed. @throws FlowgridError `unsupported` when it is not installed. */
export async function optional<Package>(name: string, load: () => Promise<Package>): Promise<Package> {
  return load().catch((cause: unknown) => {
    throw new FlowgridError('unsupported', `${name} is not installed`, { remedy: `npm install ${name}`, cause });
  });
}
