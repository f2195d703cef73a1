/** Owns what is written in a crash run: an event, and each byte, tells its place and its writer, and all else follows from those. */

export type Mode = "events" | "bytes";

/** The attempt that wrote, from 1; negative where it had lost its turn, so that not one such event can pass for another's. */
export type Writer = number;
export const nobody: Writer = 0;

/** A byte has four bits for it, and one for the sign. */
export const maxAttempt = 15;

const strayBit = 0b1_0000;
const writerBits = 5;
const noiseBits = 0b1110_0000;
const longEvery = 400;
const longBytes = 30_000;
const longestEvery = 4_000;
const longestBytes = 250_000;

/** The lines of event `seq`, as a producer sends them. */
export function linesOf(log: string, seq: number, writer: Writer): string {
  const mark = mix(saltOf(log) ^ mix(seq) ^ writer);
  const fill = mark.toString(16).padStart(8, "0");
  const pad = fill.repeat(Math.ceil(sizeOf(mark, writer) / fill.length));
  const name = seq % 7 === 0 ? "event: tick\n" : "";
  const more = seq % 5 === 0 ? `data: ${fill}\n` : "";
  return `${name}data: {"n":${seq},"a":${writer},"pad":"${pad}"}\n${more}`;
}

/** What stands behind its lines in the log, without the blank line. */
export function idLineOf(log: string, seq: number): string {
  return `id: ${log}-${seq}`;
}

/** What an event says of itself; null for what is none of these. */
export function readEvent(block: string): { readonly seq: number; readonly writer: Writer } | null {
  const [, seq, writer] = /^data: \{"n":(\d+),"a":(-?\d+),/m.exec(block) ?? [];
  return seq === undefined || writer === undefined ? null : { seq: Number(seq), writer: Number(writer) };
}

/** Bytes `first..last` of a log, counted from 1. */
export function bytesOf(log: string, first: number, last: number, writer: Writer): Buffer {
  const salt = saltOf(log);
  const sign = (Math.abs(writer) & maxAttempt) | (writer < 0 ? strayBit : 0);
  const bytes = Buffer.alloc(last - first + 1);
  for (let at = 0; at < bytes.length; at++) bytes[at] = noiseAt(salt, first + at) | sign;
  return bytes;
}

/** Reads the writers off bytes of a log; nobody for a byte that is not the one of its place. */
export function readerOfBytes(log: string): (position: number, byte: number) => Writer {
  const salt = saltOf(log);
  return (position, byte) => {
    if ((byte & noiseBits) !== noiseAt(salt, position)) return nobody;
    return byte & strayBit ? -(byte & maxAttempt) : byte & maxAttempt;
  };
}

/** The state of a checkpoint behind event `seq`. */
export function stateOf(log: string, seq: number, writer: Writer): string {
  return JSON.stringify({ log, n: seq, a: writer });
}

function sizeOf(mark: number, writer: Writer): number {
  if (writer < 0) return 0;
  if (mark % longestEvery === 0) return longestBytes;
  return mark % longEvery === 0 ? longBytes : mark % longEvery;
}

function noiseAt(salt: number, position: number): number {
  return (Math.imul(position ^ salt, 0x9e3779b1) >>> 29) << writerBits;
}

function saltOf(log: string): number {
  let salt = 0;
  for (let at = 0; at < log.length; at++) salt = Math.imul(salt ^ log.charCodeAt(at), 0x01000193);
  return salt;
}

function mix(value: number): number {
  const half = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  return (Math.imul(half ^ (half >>> 13), 0xc2b2ae35) ^ (half >>> 16)) >>> 0;
}
