/** Owns the rolling hash by which a replay is compared with the log without holding the log. */

const empty = "0000000000000000";

import type { Mode } from "./producer-messages.ts";

/**
 * A hash over a log: two 32-bit lanes, each rotated, xored and multiplied a byte at a time. In events mode an event's
 * length goes in before its bytes; in bytes mode only bytes count, since a body may be cut differently each time. It
 * notices a handler that answers differently; it is no protection against somebody who wants a collision.
 */
export class RollingHash {
  readonly #mode: Mode;
  #a: number;
  #b: number;

  /** Goes on from a digest; without one, from the empty log. */
  constructor(mode: Mode, digest: string = empty) {
    this.#mode = mode;
    this.#a = Number.parseInt(digest.slice(0, 8), 16);
    this.#b = Number.parseInt(digest.slice(8, 16), 16);
  }

  /** An event, or a run of bytes. */
  update(payload: Uint8Array): void {
    let a = this.#a;
    let b = this.#b;
    if (this.#mode === "events") {
      a = Math.imul(a ^ payload.length, 0x9e3779b1);
      b = Math.imul(b ^ payload.length, 0x85ebca77);
    }
    for (let i = 0; i < payload.length; i++) {
      const byte = payload[i] ?? 0;
      a = Math.imul(((a << 5) | (a >>> 27)) ^ byte, 0x9e3779b1);
      b = Math.imul(((b << 7) | (b >>> 25)) ^ byte, 0xc2b2ae3d);
    }
    this.#a = a;
    this.#b = b;
  }

  /** 16 hexadecimal digits. */
  digest(): string {
    return hex(this.#a) + hex(this.#b);
  }
}

export const emptyDigest = empty;
const digestPattern = /^[0-9a-f]{16}$/;

export function isDigest(text: string): boolean {
  return digestPattern.test(text);
}

function hex(lane: number): string {
  return (lane >>> 0).toString(16).padStart(8, "0");
}
