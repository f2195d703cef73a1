/** Owns a producer played by hand that loses its gateway: one socket, written to at full pace, and noted down in the history. */

import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { limits } from "../../protocol/limits.ts";
import { encodeMessage, parseToProducer, ping, pong } from "../../protocol/producer-messages.ts";
import type { ResumePoint, ToObject, ToProducer } from "../../protocol/producer-messages.ts";
import type { Random } from "../support/random.ts";
import type { Invocation } from "../support/invocations.ts";
import { closeOf, dial } from "./dial.ts";
import type { Close } from "./dial.ts";
import type { History } from "./history.ts";
import { noteAck, noteTurn } from "./history.ts";
import { Outgoing } from "./outgoing.ts";

/** `ending`: it is about to say its last word; `stopped`: it has. `frozen`: it neither reads nor writes, and its socket stays open. */
type Phase = "knocking" | "standby" | "active" | "ending" | "stopped" | "frozen" | "closed";

const pingMs = 250;
const checkpointShare = 0.2;
const pauseShare = 0.5;
/** Well under what makes a commit due by its size. */
const quietBytes = 30_000;
const nudgeMs = 5;

export class Hand {
  readonly attempt: number;
  readonly closed: Promise<Close>;
  readonly #socket: WebSocket;
  readonly #history: History;
  readonly #pinger: ReturnType<typeof setInterval>;
  readonly #outgoing: Outgoing;
  #phase: Phase = "knocking";
  #acks = 0;
  #wake = Promise.withResolvers<void>();

  private constructor(socket: WebSocket, attempt: number, history: History) {
    this.attempt = attempt;
    this.#socket = socket;
    this.#history = history;
    this.#outgoing = new Outgoing(attempt, history, (data) => socket.send(data, () => undefined));
    this.#pinger = setInterval(() => this.#ping(), pingMs);
    this.closed = closeOf(socket);
    socket.on("close", () => {
      clearInterval(this.#pinger);
      this.#phase = "closed";
      this.#stir();
    });
    // What a kill does to a socket is an error, and then a close.
    socket.on("error", () => undefined);
    socket.on("message", (data, isBinary) => {
      if (isBinary || !Buffer.isBuffer(data)) return;
      const text = data.toString("utf8");
      if (text !== pong) this.#receive(parseToProducer(text));
    });
  }

  /** Settles once it is active, waits as a standby, or was closed: the phase tells. */
  static async knock(url: URL, invocation: Invocation, history: History): Promise<Hand> {
    const hand = new Hand(dial(url, invocation, `run-${invocation.attempt}`), invocation.attempt, history);
    await hand.#until(() => hand.#phase !== "knocking");
    return hand;
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Frames as fast as they are acknowledged, until it is stopped, frozen or closed. */
  async write(random: Random, inFlightBytes: number): Promise<void> {
    while (this.#phase === "active") {
      const payloads = this.#outgoing.next(random, limits.frameBytes);
      if (random.chance(checkpointShare)) this.#outgoing.announce(payloads);
      // What was announced stands alone for a while, and commits come without its event.
      const { pauseMs } = this.#outgoing;
      if (pauseMs > 0) await sleep(pauseMs);
      else if (random.chance(pauseShare)) await setImmediate();
      await this.#until(() => this.#outgoing.unackedBytes < inFlightBytes || this.#phase !== "active");
      if (this.phase === "active") this.#outgoing.send(payloads);
    }
  }

  /** Settles when this connection was acknowledged something, or is over. */
  async acknowledged(): Promise<void> {
    await this.#until(() => this.#acks > 0 || this.#phase === "closed");
  }

  async activated(): Promise<void> {
    await this.#until(() => this.#phase === "active" || this.#phase === "closed");
  }

  tell(message: ToObject): void {
    if (this.#phase !== "closed") this.#socket.send(encodeMessage(message), () => undefined);
  }

  /** Says the end behind one more frame, in one breath: where commits wait for their size, the end is what makes both due. */
  async end(random: Random, error: string | null, commits: "soon" | "by size"): Promise<void> {
    await this.acknowledged();
    if (this.#phase !== "active") return;
    this.#phase = "ending";
    if (commits === "by size") await this.#emptyBatch(random);
    if (this.phase !== "ending") return;
    const outcome = error === null ? "completed" : "failed";
    this.#outgoing.send(this.#outgoing.next(random, quietBytes));
    const lastEvent = commits === "by size" && this.#outgoing.unackedBytes < limits.commitBytes ? "in the same commit" : "in any commit";
    this.#history.endings.push({ turn: this.#history.turns.length - 1, seq: this.#outgoing.lastSeq, lastEvent, outcome, message: error });
    this.#phase = "stopped";
    this.tell({ type: "end", seq: this.#outgoing.lastSeq, outcome, error: error === null ? null : { code: "handler-failed", message: error } });
  }

  /** As Lambda freezes a process: nothing is read, nothing sent, and the socket stays open. */
  freeze(): void {
    if (this.#phase !== "active") return;
    this.#phase = "frozen";
    this.#socket.pause();
  }

  /** It goes on where it was: what it has to say leaves before it hears what became of it. */
  thaw(words: readonly (string | Uint8Array)[]): void {
    if (this.#phase !== "frozen") return;
    this.#phase = "stopped";
    this.#socket.resume();
    for (const word of words) this.#socket.send(word, () => undefined);
  }

  hangUp(): void {
    this.#socket.terminate();
  }

  /** What waits for its size is committed once there is more of it. */
  async #emptyBatch(random: Random): Promise<void> {
    while (this.#phase === "ending" && this.#outgoing.unackedBytes >= quietBytes) {
      this.#outgoing.send(this.#outgoing.next(random, quietBytes));
      await sleep(nudgeMs);
    }
  }

  #ping(): void {
    if (this.#phase !== "frozen" && this.#socket.readyState === WebSocket.OPEN) this.#socket.send(ping, () => undefined);
  }

  #receive(message: ToProducer): void {
    if (message.type === "welcome" && message.role === "standby") this.#phase = "standby";
    else if (message.type === "welcome" || message.type === "promote") this.#begin(message.resume);
    else if (message.type === "ack") this.#acknowledge(message.seq, message.checkpoint);
    else if (message.type === "yield") this.#yield();
    this.#stir();
  }

  #begin(resume: ResumePoint | null): void {
    const { seq, digest, checkpoint } = resume ?? { seq: 0, digest: null, checkpoint: null };
    noteTurn(this.#history, { attempt: this.attempt, behind: seq, digest, checkpoint });
    this.#outgoing.goOn(resume);
    this.#phase = "active";
    if (this.#history.mode === "bytes") this.tell({ type: "head", status: 200, headers: [["content-type", "application/octet-stream"]], mode: "bytes" });
  }

  #acknowledge(seq: number, checkpoint: number | null): void {
    this.#acks++;
    noteAck(this.#history, seq, checkpoint);
    this.#outgoing.acknowledge(seq);
  }

  #yield(): void {
    if (this.#phase !== "active") return;
    this.#phase = "stopped";
    this.tell({ type: "yield", seq: this.#outgoing.lastSeq });
  }

  #stir(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  async #until(met: () => boolean): Promise<void> {
    while (!met()) await this.#wake.promise;
  }
}
