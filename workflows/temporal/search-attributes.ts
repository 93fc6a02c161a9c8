import type { Connection } from '@temporalio/client';

/** Search attributes by name: one text each, or some, by any of which a workflow is found. */
export type AttributeValues = Readonly<Record<string, string | readonly string[]>>;

type Pair =
  | { key: { name: string; type: 'KEYWORD' }; value: string }
  | { key: { name: string; type: 'KEYWORD_LIST' }; value: string[] };

/** Temporal's numbers for attributes that are compared as a whole, or each of a list is. */
const KEYWORD = 2;
const KEYWORD_LIST = 7;

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
  async known(attributes: AttributeValues): Promise<readonly Pair[]> {
    const pairs: Pair[] = [];
    for (const [name, value] of Object.entries(attributes)) {
      if (value.length === 0 || !(await this.has(name, typeof value === 'string' ? KEYWORD : KEYWORD_LIST))) continue;
      pairs.push(
        typeof value === 'string'
          ? { key: { name, type: 'KEYWORD' }, value }
          : { key: { name, type: 'KEYWORD_LIST' }, value: [...value] },
      );
    }
    return pairs;
  }

  private has(name: string, type: number): Promise<boolean> {
    let made = this.made.get(name);
    if (made === undefined) {
      made = this.make(name, type);
      this.made.set(name, made);
    }
    return made;
  }

  private async make(name: string, type: number): Promise<boolean> {
    const { operatorService } = this.connection;
    try {
      const { namespace } = this;
      if ((await operatorService.listSearchAttributes({ namespace })).customAttributes?.[name] === type) return true;
      await operatorService.addSearchAttributes({ namespace, searchAttributes: { [name]: type } });
      return (await operatorService.listSearchAttributes({ namespace })).customAttributes?.[name] === type;
    } catch {
      // Asked again with the next workflow: the server may only have been away.
      this.made.delete(name);
      return false;
    }
  }
}
