/** Owns the small readers by which JSON from outside becomes typed values, each error naming the field. */

import { LongstreamError } from "./errors.ts";

/** One JSON object under inspection; `what` names it in errors. */
export class JsonReader {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #what: string;

  constructor(value: unknown, what: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new LongstreamError("protocol-error", `Cannot read ${what}: it is not a JSON object`);
    }
    this.#fields = Object.fromEntries(Object.entries(value));
    this.#what = what;
  }

  static parse(text: string, what: string): JsonReader {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw new LongstreamError("protocol-error", `Cannot read ${what}: it is not JSON`);
    }
    return new JsonReader(value, what);
  }

  has(field: string): boolean {
    return this.#fields[field] !== undefined && this.#fields[field] !== null;
  }

  /** True only where the field is `true`. */
  is(field: string): boolean {
    return this.#fields[field] === true;
  }

  string(field: string): string {
    const value = this.#fields[field];
    if (typeof value !== "string") throw this.bad(field, "a string");
    return value;
  }

  /** A safe integer of at least `min`. */
  integer(field: string, min = 0): number {
    const value = this.#fields[field];
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < min) {
      throw this.bad(field, `an integer of at least ${min}`);
    }
    return value;
  }

  /** One of a closed set of strings. */
  oneOf<T extends string>(field: string, values: readonly T[]): T {
    const value = this.string(field);
    const known = values.find((candidate) => candidate === value);
    if (known === undefined) throw this.bad(field, `one of ${values.join(", ")}`);
    return known;
  }

  object(field: string): JsonReader {
    return new JsonReader(this.#fields[field], `${this.#what}.${field}`);
  }

  /** Null where the field is null or absent. */
  optional<T>(field: string, read: (reader: JsonReader, field: string) => T): T | null {
    return this.has(field) ? read(this, field) : null;
  }

  pairs(field: string): readonly (readonly [string, string])[] {
    const value = this.#fields[field];
    if (!Array.isArray(value)) throw this.bad(field, "a list of [name, value]");
    return value.map((entry: unknown): readonly [string, string] => {
      if (!Array.isArray(entry)) throw this.bad(field, "a list of [name, value]");
      const parts: readonly unknown[] = entry;
      const [name, text] = parts;
      if (parts.length !== 2 || typeof name !== "string" || typeof text !== "string") {
        throw this.bad(field, "a list of [name, value]");
      }
      return [name, text];
    });
  }

  bad(field: string, expected: string): LongstreamError {
    return new LongstreamError("protocol-error", `Cannot read ${this.#what}: its field "${field}" is not ${expected}`);
  }
}
