/** Owns the object's records beside the log: what the stream is, its state, the latest checkpoint, the request body. */

import type { Checkpoint, RequestHead, ResponseHead } from "../protocol/producer-messages.ts";
import type { BodyPiece } from "../protocol/body-piece.ts";
import { limits } from "../protocol/limits.ts";
import type { StreamFailure } from "../protocol/sse.ts";
import type { AttemptRecord } from "./attempts.ts";
import { logSchema } from "./log.ts";
import type { Cost, Meter } from "./meter.ts";
import type { OnAbandon, RouteKind, StreamSettings } from "./settings.ts";
import type { StreamState } from "./stream-state.ts";
import type { RouteTarget } from "./upstream-target.ts";

/** Fixed when the stream is created, settings included: a later deploy does not change a running stream. */
export interface StreamDescription {
  /** Of the storage layout. */
  readonly version: 1;
  readonly id: string;
  readonly createdAt: number;
  readonly route: string;
  readonly kind: RouteKind;
  readonly onAbandon: OnAbandon;
  /** `https://host/streams/{id}`. */
  readonly url: string;
  readonly target: RouteTarget;
  readonly settings: StreamSettings;
  readonly request: RequestHead;
}

interface Records {
  readonly description: StreamDescription;
  readonly state: StoredState;
  readonly head: ResponseHead;
  readonly checkpoint: Checkpoint;
  readonly audience: StoredAudience;
  readonly upload: StoredUpload;
  readonly silence: StoredSilence;
}

/** How an upload ended; absent while it goes on, and for a body that came with the stream's creation. */
export interface StoredUpload {
  readonly bytes: number;
  /** Null for a body that is complete. */
  readonly failure: StreamFailure | null;
}

/** Written only when an alarm rings during an upload. */
export interface StoredSilence {
  /** When the upload is taken for broken unless it is heard of before, milliseconds since the epoch; null once it was. */
  readonly lostAt: number | null;
}

interface StoredState {
  readonly state: StreamState;
  readonly cost: Cost;
  readonly attempts: readonly AttemptRecord[];
}

/** Written only where `onAbandon` says what a stream without readers does. */
export interface StoredAudience {
  /** When the stream is given up, milliseconds since the epoch; null while somebody reads or nobody is waited for. */
  readonly abandonAt: number | null;
}

/** Keys are integers: a text key would cost a second row written for its index. */
const keys = { description: 1, state: 2, head: 3, checkpoint: 4, audience: 5, upload: 6, silence: 7 } as const satisfies Record<keyof Records, number>;

export class Store {
  readonly #sql: SqlStorage;
  readonly #meter: Meter;

  constructor(sql: SqlStorage, meter: Meter) {
    this.#sql = sql;
    this.#meter = meter;
  }

  /** False for an id nobody created; asking writes nothing, so that a stray request leaves no storage behind. */
  get exists(): boolean {
    return this.#sql.exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'record'").toArray().length > 0;
  }

  create(description: StreamDescription, body: Uint8Array<ArrayBuffer>): void {
    this.#insert(logSchema);
    this.#insert("CREATE TABLE record (key INTEGER PRIMARY KEY, json TEXT NOT NULL)");
    this.#insert("CREATE TABLE request (start INTEGER PRIMARY KEY, bytes BLOB NOT NULL)");
    this.#write("description", description);
    this.appendBody(0, body);
  }

  /** `start`: bytes of the body before these. */
  appendBody(start: number, body: Uint8Array<ArrayBuffer>): void {
    for (let at = 0; at < body.length; at += limits.maxRowBytes) {
      this.#insert("INSERT INTO request (start, bytes) VALUES (?, ?)", start + at, body.slice(at, at + limits.maxRowBytes).buffer);
    }
  }

  get bodyBytes(): number {
    const [last] = this.#sql.exec<{ end: number }>("SELECT start + length(bytes) AS end FROM request ORDER BY start DESC LIMIT 1").toArray();
    return last?.end ?? 0;
  }

  /** The request body from an offset up to another, a piece a row. Read to its end: an open cursor keeps its rows (see `Log`). */
  bodyFrom(offset: number, upTo: number): readonly BodyPiece[] {
    const rows = this.#sql.exec<{ start: number; bytes: ArrayBuffer }>(
      "SELECT start, bytes FROM request WHERE start >= (SELECT max(start) FROM request WHERE start <= ?) AND start < ? ORDER BY start",
      offset,
      upTo,
    );
    return rows.toArray().flatMap(({ start, bytes }) => {
      const skip = Math.max(0, offset - start);
      return skip < bytes.byteLength ? [{ offset: start + skip, bytes: new Uint8Array(bytes, skip, Math.min(bytes.byteLength, upTo - start) - skip) }] : [];
    });
  }

  /** The same of one row: empty where nothing follows. */
  bodyPiece(offset: number): Uint8Array {
    const [row] = this.#sql
      .exec<{ start: number; bytes: ArrayBuffer }>("SELECT start, bytes FROM request WHERE start = (SELECT max(start) FROM request WHERE start <= ?)", offset)
      .toArray();
    return row === undefined ? new Uint8Array(0) : new Uint8Array(row.bytes).subarray(offset - row.start);
  }

  readUpload(): StoredUpload | null {
    return this.#read("upload");
  }

  writeUpload(upload: StoredUpload): void {
    this.#write("upload", upload);
  }

  readSilence(): StoredSilence | null {
    return this.#read("silence");
  }

  writeSilence(silence: StoredSilence): void {
    this.#write("silence", silence);
  }

  readDescription(): StreamDescription | null {
    return this.#read("description");
  }

  readState(): StoredState | null {
    return this.#read("state");
  }

  writeState(state: StreamState, attempts: readonly AttemptRecord[]): void {
    const { cost } = this.#meter;
    this.#write("state", { state, cost: { ...cost, rowsWritten: cost.rowsWritten + 1 }, attempts });
  }

  readAudience(): StoredAudience | null {
    return this.#read("audience");
  }

  writeAudience(audience: StoredAudience): void {
    this.#write("audience", audience);
  }

  readHead(): ResponseHead | null {
    return this.#read("head");
  }

  writeHead(head: ResponseHead): void {
    this.#write("head", head);
  }

  readCheckpoint(): Checkpoint | null {
    return this.#read("checkpoint");
  }

  writeCheckpoint(checkpoint: Checkpoint): void {
    this.#write("checkpoint", checkpoint);
  }

  #write<Name extends keyof Records>(name: Name, value: Records[Name]): void {
    this.#insert(
      "INSERT INTO record (key, json) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET json = excluded.json",
      keys[name],
      JSON.stringify(value),
    );
  }

  #insert(query: string, ...values: readonly SqlStorageValue[]): void {
    this.#meter.add({ rowsWritten: this.#sql.exec(query, ...values).rowsWritten });
  }

  #read<Name extends keyof Records>(name: Name): Records[Name] | null {
    const [found] = this.#sql.exec<{ json: string }>("SELECT json FROM record WHERE key = ?", keys[name]);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by this class alone, typed, under the same key
    return found === undefined ? null : (JSON.parse(found.json) as Records[Name]);
  }
}
