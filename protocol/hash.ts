/** Owns the rolling hash by which a replay is compared with the log without holding the log. */

const empty = "0000000000000000";

/**
 * A hash over events and their boundaries: two 32-bit lanes, each rotated, xored and multiplied a byte at a time. It
 * notices a handler that answers differently; it is no protection against somebody who wants a collision.
 */
export class RollingHash {
  #a: number;
  #b: number;

  /** Goes on from a digest; without one, from the empty log. */
  constructor(digest: string = empty) {
    this.#a = Number.parseInt(digest.slice(0, 8), 16);
    this.#b = Number.parseInt(digest.slice(8, 16), 16);
  }

  update(event: Uint8Array): void {
    let a = Math.imul(this.#a ^ event.length, 0x9e3779b1);
    let b = Math.imul(this.#b ^ event.length, 0x85ebca77);
    for (let i = 0; i < event.length; i++) {
      const byte = event[i] ?? 0;
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
