/** Owns the log in SQLite: rows of wire-ready bytes, one row a commit. */

import type { EventsFrame } from "../protocol/consumer-frames.ts";
import { emptyDigest } from "../protocol/hash.ts";
import { limits } from "../protocol/limits.ts";
import type { Mode } from "../protocol/producer-messages.ts";
import { idSuffix } from "../protocol/sse.ts";
import type { Cost, Meter } from "./meter.ts";

/** The end of the log, read once when the object wakes. */
export interface Tail {
  /** 0 when the log is empty. */
  readonly seq: number;
  /** Bytes of the whole log. */
  readonly offset: number;
  /** Rolling hash after `seq`. */
  readonly digest: string;
  /** The handler's own SSE id as of `seq`; empty when it had none. */
  readonly sourceId: string;
}

/** One commit: events `firstSeq..lastSeq` as SSE clients receive them, id lines included; or a run of bytes. */
export interface Row {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly digest: string;
  readonly sourceId: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

interface StoredRow extends Record<string, SqlStorageValue> {
  readonly first_seq: number;
  readonly last_seq: number;
  readonly end_offset: number;
  readonly bytes: ArrayBuffer;
}

interface StoredEnd extends Record<string, SqlStorageValue> {
  readonly first_seq: number;
  readonly end_offset: number;
}

interface StoredTail extends Record<string, SqlStorageValue> {
  readonly last_seq: number;
  readonly end_offset: number;
  readonly digest: string;
  readonly source_id: string;
}

/** No second index and no AUTOINCREMENT: either would double the rows written. */
export const logSchema = `CREATE TABLE log (
  first_seq INTEGER PRIMARY KEY,
  last_seq INTEGER NOT NULL,
  end_offset INTEGER NOT NULL,
  digest TEXT NOT NULL,
  source_id TEXT NOT NULL,
  cost TEXT NOT NULL,
  bytes BLOB NOT NULL
)`;

export class Log {
  readonly #sql: SqlStorage;
  readonly #id: string;
  readonly #meter: Meter;
  readonly #mode: () => Mode;
  #tail: Tail;

  /** `mode` is asked for at each use: a log is empty until its stream has a head. */
  constructor(sql: SqlStorage, id: string, meter: Meter, mode: () => Mode) {
    this.#sql = sql;
    this.#id = id;
    this.#meter = meter;
    this.#mode = mode;
    this.#tail = readTail(sql);
  }

  get mode(): Mode {
    return this.#mode();
  }

  get tail(): Tail {
    return this.#tail;
  }

  /** The id of the first row's last event; empty where there is none. */
  readFirstSourceId(): string {
    const [first] = this.#sql.exec<{ source_id: string }>("SELECT source_id FROM log WHERE first_seq = 1");
    return first?.source_id ?? "";
  }

  /** As of the last commit. */
  readCost(): Cost | null {
    const [last] = this.#sql.exec<{ cost: string }>("SELECT cost FROM log ORDER BY first_seq DESC LIMIT 1");
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by append() alone
    return last === undefined ? null : (JSON.parse(last.cost) as Cost);
  }

  /** Call at most once per commit, and send nothing of the row in an earlier turn: the output gate closes here. */
  append(row: Row): EventsFrame {
    const { offset } = this.#tail;
    const end = offset + row.bytes.length;
    // Counted before it is written, so that the row says what the stream cost with it.
    this.#meter.add({ commits: 1, rowsWritten: 1 });
    this.#sql.exec(
      "INSERT INTO log (first_seq, last_seq, end_offset, digest, source_id, cost, bytes) VALUES (?, ?, ?, ?, ?, ?, ?)",
      row.firstSeq,
      row.lastSeq,
      end,
      row.digest,
      row.sourceId,
      JSON.stringify(this.#meter.cost),
      row.bytes.buffer,
    );
    this.#tail = { seq: row.lastSeq, offset: end, digest: row.digest, sourceId: row.sourceId };
    return { firstSeq: row.firstSeq, lastSeq: row.lastSeq, offset, bytes: row.bytes };
  }

  /** The events after `seq`, about `readBytes` of them and at least one row's worth; null at the end of the log. */
  readAfter(seq: number): EventsFrame | null {
    if (seq >= this.#tail.seq) return null;
    const first = this.#rowOf(seq + 1);
    if (first === undefined) return null;
    const parts = [this.#cut(first, seq)];
    for (const stored of this.#rowsBehind(first)) parts.push(this.#cut(stored, seq));
    return join(parts);
  }

  /** Log bytes up to and including event `seq`. */
  offsetAfter(seq: number): number {
    if (this.mode === "bytes") return seq;
    if (seq >= this.#tail.seq) return this.#tail.offset;
    const stored = this.#rowOf(seq + 1);
    return stored === undefined ? this.#tail.offset : this.#cut(stored, seq).offset;
  }

  /**
   * The row that holds `seq`. Every cursor here is read to its end: an open one keeps its row, and SQLite from folding its
   * write-ahead log back, until it is collected (measured, 2026-11).
   */
  #rowOf(seq: number): StoredRow | undefined {
    const query = "SELECT first_seq, last_seq, end_offset, bytes FROM log WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1";
    return this.#sql.exec<StoredRow>(query, seq).toArray()[0];
  }

  /** The rows behind `first` that fill a read up; their ends first, so that no large one is read for nothing. */
  #rowsBehind(first: StoredRow): readonly StoredRow[] {
    const until = first.end_offset - first.bytes.byteLength + limits.readBytes;
    if (first.end_offset >= until || first.last_seq >= this.#tail.seq) return [];
    const ends = this.#sql
      .exec<StoredEnd>("SELECT first_seq, end_offset FROM log WHERE first_seq > ? ORDER BY first_seq LIMIT 256", first.last_seq)
      .toArray();
    const last = ends.findLast(({ end_offset }) => end_offset <= until);
    if (last === undefined) return [];
    const query = "SELECT first_seq, last_seq, end_offset, bytes FROM log WHERE first_seq > ? AND first_seq <= ? ORDER BY first_seq";
    return this.#sql.exec<StoredRow>(query, first.last_seq, last.first_seq).toArray();
  }

  /** A row without the events up to `seq`. An id line cannot occur inside an event: its data lines start with `data:`. */
  #cut(stored: StoredRow, seq: number): EventsFrame {
    const bytes = new Uint8Array(stored.bytes);
    const frame = {
      firstSeq: stored.first_seq,
      lastSeq: stored.last_seq,
      offset: stored.end_offset - bytes.length,
      bytes,
    };
    if (seq < stored.first_seq) return frame;
    const skip = this.mode === "bytes" ? seq - stored.first_seq + 1 : this.#endOf(seq, bytes);
    return { firstSeq: seq + 1, lastSeq: frame.lastSeq, offset: frame.offset + skip, bytes: bytes.subarray(skip) };
  }

  #endOf(seq: number, bytes: Uint8Array): number {
    const suffix = idSuffix(this.#id, seq);
    return latin1.decode(bytes).indexOf(suffix) + suffix.length;
  }
}

/** One character a byte, so that an index in the text is an index in the bytes. */
const latin1 = new TextDecoder("latin1");

function readTail(sql: SqlStorage): Tail {
  const [last] = sql.exec<StoredTail>("SELECT last_seq, end_offset, digest, source_id FROM log ORDER BY first_seq DESC LIMIT 1");
  if (last === undefined) return { seq: 0, offset: 0, digest: emptyDigest, sourceId: "" };
  return { seq: last.last_seq, offset: last.end_offset, digest: last.digest, sourceId: last.source_id };
}

function join(parts: readonly EventsFrame[]): EventsFrame | null {
  const byteLength = parts.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const [first] = parts;
  const last = parts.at(-1);
  if (first === undefined || last === undefined) return null;
  if (parts.length === 1) return first;
  const bytes = new Uint8Array(byteLength);
  let at = 0;
  for (const part of parts) {
    bytes.set(part.bytes, at);
    at += part.bytes.length;
  }
  return { firstSeq: first.firstSeq, lastSeq: last.lastSeq, offset: first.offset, bytes };
}
