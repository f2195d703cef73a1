/** Owns reading one copy of a stream's file with SQLite itself, by the tables of PROTOCOL.md, section 7, and none of the product's code. */

import { DatabaseSync } from "node:sqlite";
import type { Stored } from "./checker.ts";
import type { Checkpoint, History } from "./history.ts";
import { Transcript, readOutcome } from "./transcript.ts";
import type { Fault } from "./transcript.ts";

const recordKeys = { description: 1, state: 2, checkpoint: 4 } as const;

/** The stream whose file it is; null where it has none. */
export function readName(file: string): string | null {
  return withDatabase(file, (database) => {
    const id = fieldOf(readRecord(database, "description"), "id");
    return typeof id === "string" ? id : null;
  });
}

export function readLog(file: string, history: History, found: string): Stored {
  return withDatabase(file, (database) => {
    const transcript = new Transcript(history.log, history.mode, 0);
    const faults = readRows(database, transcript);
    transcript.close();
    const state = fieldOf(readRecord(database, "state"), "state");
    const issued = fieldOf(fieldOf(state, "attempts"), "issued") ?? fieldOf(state, "attempt");
    return {
      found,
      stretches: transcript.stretches,
      faults: [...transcript.faults, ...faults],
      outcome: readOutcome(state),
      checkpoint: toCheckpoint(readRecord(database, "checkpoint")),
      attempt: typeof issued === "number" ? issued : 0,
    };
  });
}

/** A row says what it holds; its bytes must be just that. */
function readRows(database: DatabaseSync, transcript: Transcript): readonly Fault[] {
  if (!hasTable(database, "log")) return [];
  const faults: Fault[] = [];
  let offset = 0;
  for (const row of database.prepare("SELECT first_seq, last_seq, end_offset, bytes FROM log ORDER BY first_seq").iterate()) {
    const { first_seq: first, last_seq: last, end_offset: end, bytes } = row;
    const expected = transcript.lastSeq + 1;
    if (bytes instanceof Uint8Array) {
      transcript.feed(Buffer.from(bytes));
      offset += bytes.length;
    }
    if (first !== expected || last !== transcript.lastSeq || end !== offset) {
      faults.push({ kind: "gap", what: `a row says ${String(first)} to ${String(last)} and offset ${String(end)}, and is ${expected} to ${transcript.lastSeq} up to ${offset}` });
    }
  }
  return faults;
}

function readRecord(database: DatabaseSync, name: keyof typeof recordKeys): unknown {
  if (!hasTable(database, "record")) return null;
  const json = fieldOf(database.prepare("SELECT json FROM record WHERE key = ?").get(recordKeys[name]), "json");
  return typeof json === "string" ? JSON.parse(json) : null;
}

function hasTable(database: DatabaseSync, name: string): boolean {
  return database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?").get(name) !== undefined;
}

function toCheckpoint(value: unknown): Checkpoint | null {
  const seq = fieldOf(value, "seq");
  const state = fieldOf(value, "state");
  return typeof seq === "number" && typeof state === "string" ? { seq, state } : null;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Object.entries(value).find(([key]) => key === name)?.[1] : undefined;
}

function withDatabase<T>(file: string, act: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(file);
  try {
    return act(database);
  } finally {
    database.close();
  }
}
