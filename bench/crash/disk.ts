/** Owns the streams' files at the moment workerd is killed: copies of them, whole, or torn off as a power loss could leave them. */

import { copyFileSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../support/random.ts";
import type { Stored } from "./checker.ts";
import { readLog, readName } from "./database.ts";
import type { History } from "./history.ts";

export interface DiskCopy {
  readonly history: History;
  readonly whole: Stored;
  /** What was there before some of its end was written. */
  readonly torn: readonly Stored[];
}

const suffix = ".sqlite";
const logSuffix = "-wal";
const indexSuffix = "-shm";
/** In the index of a write-ahead log: how many frames it has, and how many the database may have already (nBackfillAttempted). */
const framesAt = 16;
const backfilledAt = 128;
const logHeaderBytes = 32;
const frameHeaderBytes = 24;
const pageBytesAt = 8;
/** A commit or two. */
const lastFrames = 16;

/** Stops a process where it stands, and settles when each of its threads has stopped: what is written then is what a kill leaves. */
export async function hold(pid: number): Promise<void> {
  process.kill(pid, "SIGSTOP");
  const threads = `/proc/${pid}/task`;
  const stateOf = (thread: string): string | undefined => readFileSync(join(threads, thread, "stat"), "latin1").split(") ").at(-1)?.[0];
  while (readdirSync(threads).some((thread) => stateOf(thread) !== "T")) await sleep(1);
}

export class Disk {
  readonly #objectsDir: string;
  /** By stream: a file is named after a hash of it. */
  readonly #files = new Map<string, string>();
  readonly #looked = new Set<string>();

  constructor(objectsDir: string) {
    this.#objectsDir = objectsDir;
  }

  /** Nobody may be writing. Each copy is also torn off: anywhere, close to its end, and where that is the stream's end before each of the last frames. */
  read(histories: readonly History[], random: Random): readonly DiskCopy[] {
    const dir = mkdtempSync(join(tmpdir(), "longstream-copy-"));
    try {
      this.#look(dir);
      return histories.flatMap((history) => {
        const file = this.#files.get(history.log);
        if (file === undefined) throw new Error(`Cannot check ${history.log}: it has no file`);
        const base = copyOf(join(this.#objectsDir, file), join(dir, file));
        const torn = tearsOf(join(this.#objectsDir, file), history, random).map((byte) => readTorn(base, `${base}.torn`, byte, history));
        return [{ history, torn, whole: readLog(base, history, "in its files") }];
      });
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }

  /** A stream that somebody was told of has its name in its file, so one look is enough. */
  #look(dir: string): void {
    for (const file of readdirSync(this.#objectsDir)) {
      if (!file.endsWith(suffix) || this.#looked.has(file)) continue;
      this.#looked.add(file);
      const name = readName(copyOf(join(this.#objectsDir, file), join(dir, `name-${file}`)));
      if (name !== null) this.#files.set(name, file);
    }
  }
}

/** The index is made anew from the two by whoever opens them first. */
function copyOf(from: string, to: string): string {
  copyFileSync(from, to);
  if (existsSync(from + logSuffix)) copyFileSync(from + logSuffix, to + logSuffix);
  return to;
}

function readTorn(base: string, to: string, byte: number, history: History): Stored {
  rmSync(to + logSuffix, { force: true });
  copyOf(base, to);
  truncateSync(to + logSuffix, byte);
  return readLog(to, history, `in its files, torn off at byte ${byte} of the write-ahead log`);
}

/** A frame that the database has already was on the disk before: to tear it off would make a state that cannot be. */
function tearsOf(file: string, { endings }: History, random: Random): readonly number[] {
  if (!existsSync(file + logSuffix) || !existsSync(file + indexSuffix)) return [];
  const log = readFileSync(file + logSuffix);
  const index = readFileSync(file + indexSuffix);
  if (log.length <= logHeaderBytes) return [];
  const frameBytes = log.readUInt32BE(pageBytesAt) + frameHeaderBytes;
  const [first, last] = [index.readUInt32LE(backfilledAt), index.readUInt32LE(framesAt)];
  if (first >= last) return [];
  const offsetOf = (frame: number): number => Math.floor(logHeaderBytes + frame * frameBytes);
  const late = Math.max(first, last - lastFrames);
  const ends = endings.length === 0 ? [] : Array.from({ length: last - late }, (_, frame) => offsetOf(late + frame));
  return [offsetOf(random.between(first, last)), offsetOf(random.between(late, last)), ...ends];
}
