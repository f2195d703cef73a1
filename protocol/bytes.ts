/** Owns reading and writing of variable-length integers (unsigned LEB128, up to 2^53 - 1) and the fields around them. */

import { LongstreamError } from "./errors.ts";

export function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}

/** Writes at `offset` and returns the offset behind. Division, not shifts: values pass 2^32. */
export function writeVarint(target: Uint8Array, offset: number, value: number): number {
  let rest = value;
  let at = offset;
  while (rest >= 128) {
    target[at++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  target[at++] = rest;
  return at;
}

/** Reads fields from the front of a frame; every read is checked against the frame's end. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #what: string;
  #at = 0;

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  byte(field: string): number {
    const value = this.#bytes[this.#at];
    if (value === undefined) throw this.#error(`it ends before its ${field}`);
    this.#at++;
    return value;
  }

  varint(field: string): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.byte(field);
      value += (byte & 127) * scale;
      if (!Number.isSafeInteger(value)) break;
      if (byte < 128) return value;
      scale *= 128;
    }
    throw this.#error(`its ${field} is over 2^53 - 1`);
  }

  /** A view, not a copy. */
  take(length: number, field: string): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw this.#error(`it ends inside its ${field}`);
    const view = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return view;
  }

  rest(): Uint8Array {
    return this.take(this.#bytes.length - this.#at, "payload");
  }

  #error(what: string): LongstreamError {
    return new LongstreamError("protocol-error", `Cannot read ${this.#what}: ${what}`);
  }
}
