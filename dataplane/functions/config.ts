import { FlowgridError } from '../../domain/base/errors';
import type { FunctionConfig, NumberRange } from './function';

/** Wraps a function's configuration; `place` names it in messages. */
export function readConfig(value: unknown, place: string): FunctionConfig {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new FlowgridError('invalid-grid', `${place}: expected an object`, { remedy: 'write `config: { … }`' });
  }
  return new ConfigReader(value as Readonly<Record<string, unknown>>, place);
}

class ConfigReader implements FunctionConfig {
  private readonly asked = new Set<string>();
  private readonly children: FunctionConfig[] = [];

  constructor(
    private readonly value: Readonly<Record<string, unknown>>,
    readonly place: string,
  ) {}

  has(name: string): boolean {
    this.asked.add(name);
    return Object.hasOwn(this.value, name);
  }

  string(name: string, fallback?: string): string {
    const value = this.member(name, fallback);
    if (typeof value !== 'string') this.fail(name, 'is not a string', 'write text');
    return value;
  }

  boolean(name: string, fallback?: boolean): boolean {
    const value = this.member(name, fallback);
    if (typeof value !== 'boolean') this.fail(name, 'is neither true nor false', 'write true or false');
    return value;
  }

  integer(name: string, min: number, max: number, fallback?: number): number {
    return this.checkInteger(name, this.member(name, fallback), min, max);
  }

  oneOf<Choice extends string>(name: string, choices: readonly Choice[], fallback?: Choice): Choice {
    const value = this.member(name, fallback);
    const found = choices.find((choice) => choice === value);
    if (found === undefined) {
      this.fail(name, `is ${JSON.stringify(value)}`, `write one of ${choices.join(', ')}`);
    }
    return found;
  }

  strings(name: string, fallback?: readonly string[]): readonly string[] {
    return this.array(name, fallback).map((item, index) => {
      if (typeof item !== 'string') this.fail(`${name}[${index}]`, 'is not a string', 'write text');
      return item;
    });
  }

  integers(name: string, min: number, max: number, fallback?: readonly number[]): readonly number[] {
    return this.array(name, fallback).map((item, index) => this.checkInteger(`${name}[${index}]`, item, min, max));
  }

  ranges(name: string, min: number, max: number, fallback?: readonly NumberRange[]): readonly NumberRange[] {
    if (fallback !== undefined && !this.has(name)) return fallback;
    return this.array(name, undefined).map((item, index) => {
      const match = typeof item === 'string' ? /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(item) : null;
      const first = match === null ? item : Number(match[1]);
      const last = match?.[2] === undefined ? first : Number(match[2]);
      const place = `${name}[${index}]`;
      const range = [this.checkInteger(place, first, min, max), this.checkInteger(place, last, min, max)] as const;
      if (range[0] > range[1]) this.fail(place, `is ${JSON.stringify(item)}`, 'write the smaller number first');
      return range;
    });
  }

  list(name: string): readonly FunctionConfig[] {
    return this.array(name, []).map((item, index) => {
      const child = readConfig(item, `${this.place}: ${name}[${index}]`);
      this.children.push(child);
      return child;
    });
  }

  fail(name: string, problem: string, remedy: string): never {
    throw new FlowgridError('invalid-grid', `${this.place}: ${name} ${problem}`, { remedy });
  }

  end(): void {
    for (const name of Object.keys(this.value)) {
      if (!this.asked.has(name)) {
        const known = [...this.asked].sort().join(', ');
        this.fail(name, 'is not known here', known === '' ? 'leave it out' : `known are: ${known}`);
      }
    }
    for (const child of this.children) child.end();
  }

  private member(name: string, fallback: unknown): unknown {
    if (this.has(name)) return this.value[name];
    if (fallback === undefined) this.fail(name, 'is missing', `add ${name}`);
    return fallback;
  }

  private array(name: string, fallback: readonly unknown[] | undefined): readonly unknown[] {
    const value = this.member(name, fallback);
    if (!Array.isArray(value)) this.fail(name, 'is not a list', 'write [ … ]');
    return value as readonly unknown[];
  }

  private checkInteger(name: string, value: unknown, min: number, max: number): number {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
      this.fail(name, `is ${JSON.stringify(value)}`, `write an integer from ${min} to ${max}`);
    }
    return value;
  }
}
