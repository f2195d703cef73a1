/** Owns the object's records beside the log: what the stream is, its state, the latest checkpoint, the request body. */

import type { Checkpoint, Mode, HeaderPairs, RequestHead } from "../protocol/producer-messages.ts";
import { limits } from "../protocol/limits.ts";
import type { FunctionTarget } from "./lambda.ts";
import { logSchema } from "./log.ts";
import type { StreamSettings } from "./settings.ts";
import type { StreamState } from "./stream-state.ts";

/** Fixed when the stream is created, settings included: a later deploy does not change a running stream. */
export interface StreamDescription {
  /** Of the storage layout. */
  readonly version: 1;
  readonly id: string;
  readonly createdAt: number;
  readonly route: string;
  /** `https://host/streams/{id}`. */
  readonly url: string;
  readonly target: FunctionTarget;
  readonly settings: StreamSettings;
  readonly request: RequestHead;
}

/** The response head of the first attempt; a later attempt's must agree in mode. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: HeaderPairs;
  readonly mode: Mode;
}

interface Records {
  readonly description: StreamDescription;
  readonly state: StreamState;
  readonly head: ResponseHead;
  readonly checkpoint: Checkpoint;
}

/** Keys are integers: a text key would cost a second row written for its index. */
const keys = { description: 1, state: 2, head: 3, checkpoint: 4 } as const satisfies Record<keyof Records, number>;

export class Store {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** False for an id nobody created; asking writes nothing, so that a stray request leaves no storage behind. */
  get exists(): boolean {
    return this.#sql.exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'record'").toArray().length > 0;
  }

  create(description: StreamDescription, body: Uint8Array<ArrayBuffer>): void {
    this.#sql.exec(logSchema);
    this.#sql.exec("CREATE TABLE record (key INTEGER PRIMARY KEY, json TEXT NOT NULL)");
    this.#sql.exec("CREATE TABLE request (part INTEGER PRIMARY KEY, bytes BLOB NOT NULL)");
    this.#write("description", description);
    for (let at = 0, part = 0; at < body.length; at += limits.maxRowBytes, part++) {
      const bytes = body.slice(at, at + limits.maxRowBytes).buffer;
      this.#sql.exec("INSERT INTO request (part, bytes) VALUES (?, ?)", part, bytes);
    }
  }

  readDescription(): StreamDescription | null {
    return this.#read("description");
  }

  readState(): StreamState | null {
    return this.#read("state");
  }

  writeState(state: StreamState): void {
    this.#write("state", state);
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

  /** The request body in order, a row at a time. */
  *requestBody(): Generator<ArrayBuffer> {
    for (const { bytes } of this.#sql.exec<{ bytes: ArrayBuffer }>("SELECT bytes FROM request ORDER BY part")) yield bytes;
  }

  #write<Name extends keyof Records>(name: Name, value: Records[Name]): void {
    this.#sql.exec(
      "INSERT INTO record (key, json) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET json = excluded.json",
      keys[name],
      JSON.stringify(value),
    );
  }

  #read<Name extends keyof Records>(name: Name): Records[Name] | null {
    const [found] = this.#sql.exec<{ json: string }>("SELECT json FROM record WHERE key = ?", keys[name]);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by this class alone, typed, under the same key
    return found === undefined ? null : (JSON.parse(found.json) as Records[Name]);
  }
}
