/** Owns the binary frame that carries a piece of the client's request body to the producer. */

import { ByteReader, varintBytes, writeVarint } from "./bytes.ts";
import { LongstreamError } from "./errors.ts";

const version = 1;

export interface BodyPiece {
  /** Of the piece's first byte in the body. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** `version, varint offset, bytes`. */
export function encodeBodyPiece({ offset, bytes }: BodyPiece): Uint8Array<ArrayBuffer> {
  const head = 1 + varintBytes(offset);
  const frame = new Uint8Array(head + bytes.length);
  frame[0] = version;
  writeVarint(frame, 1, offset);
  frame.set(bytes, head);
  return frame;
}

/** @throws LongstreamError `protocol-error`. */
export function decodeBodyPiece(frame: Uint8Array): BodyPiece {
  const reader = new ByteReader(frame, "the body frame");
  const found = reader.byte("version");
  if (found !== version) throw new LongstreamError("protocol-error", `Cannot read the body frame: its version is ${found}, not ${version}`);
  return { offset: reader.varint("offset"), bytes: reader.rest() };
}
