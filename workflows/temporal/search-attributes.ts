import type { Connection } from '@temporalio/client';

type Pair = { key: { name: string; type: 'KEYWORD' }; value: string };

/** Temporal's number for attributes that are compared as a whole. */
const KEYWORD = 2;

/**
 * Custom search attributes of a namespace: those that are missing are made where the server lets this program do it; where
 * not, workflows are found by their type and ID alone.
 */
export class SearchAttributes {
  private readonly made = new Map<string, Promise<boolean>>();

  constructor(
    private readonly connection: Connection,
    private readonly namespace: string,
  ) {}

  /** The given ones, as far as the namespace has them. */
  async known(attributes: Readonly<Record<string, string>>): Promise<readonly Pair[]> {
    const pairs: Pair[] = [];
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== '' && (await this.has(name))) pairs.push({ key: { name, type: 'KEYWORD' }, value });
    }
    return pairs;
  }

  private has(name: string): Promise<boolean> {
    let made = this.made.get(name);
    if (made === undefined) {
      made = this.make(name);
      this.made.set(name, made);
    }
    return made;
  }

  private async make(name: string): Promise<boolean> {
    const { operatorService } = this.connection;
    try {
      const { namespace } = this;
      if ((await operatorService.listSearchAttributes({ namespace })).customAttributes?.[name] === KEYWORD) return true;
      await operatorService.addSearchAttributes({ namespace, searchAttributes: { [name]: KEYWORD } });
      return (await operatorService.listSearchAttributes({ namespace })).customAttributes?.[name] === KEYWORD;
    } catch {
      // Asked again with the next workflow: the server may only have been away.
      this.made.delete(name);
      return false;
    }
  }
}
