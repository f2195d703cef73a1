/** Owns what a producer's message comes to: refused, answered with a close, stored, or an event for the state machine. */

import { decodeDataFrame } from "../protocol/data-frame.ts";
import type { ReceivedFrame } from "../protocol/data-frame.ts";
import { LongstreamError, closeCodes, closeReason, errorTable } from "../protocol/errors.ts";
import { parseToObject } from "../protocol/producer-messages.ts";
import type { Checkpoint, Mode, ResponseHead, ToObject } from "../protocol/producer-messages.ts";
import { attachmentOf, retire } from "./attachment.ts";
import type { ProducerAttachment } from "./attachment.ts";
import { fenceReason } from "./stream-reasons.ts";
import { roleOf } from "./stream-state.ts";
import type { Producer, StreamEvent, StreamState } from "./stream-state.ts";

/** What the stream does with what was received. */
export interface ReceptionPort {
  readonly state: () => StreamState;
  /** Null while the stream has no head. */
  readonly mode: () => Mode | null;
  /** The highest seq received, durable or not. */
  readonly receivedSeq: () => number;
  readonly keepHead: (head: ResponseHead) => void;
  readonly take: (frame: ReceivedFrame) => void;
  readonly hold: (checkpoint: Checkpoint) => void;
  readonly pull: (socket: WebSocket, attachment: ProducerAttachment, from: number, upTo: number) => void;
  readonly dispatch: (event: StreamEvent, socket: WebSocket) => void;
}

export class Reception {
  readonly #port: ReceptionPort;

  constructor(port: ReceptionPort) {
    this.#port = port;
  }

  /** Bad input closes its socket with a reason and harms nothing that is stored. */
  receive(socket: WebSocket, producer: Producer, message: string | ArrayBuffer): void {
    try {
      const parsed = typeof message === "string" ? parseToObject(message) : new Uint8Array(message);
      const state = this.#port.state();
      if (roleOf(state, producer) === "fenced") return retire(socket, closeCodes.fenced, fenceReason(state));
      if (parsed instanceof Uint8Array) this.#receiveData(producer, parsed);
      else this.#receiveControl(socket, producer, parsed);
    } catch (error) {
      if (!(error instanceof LongstreamError)) throw error;
      this.#closeOnError(socket, producer, error);
    }
  }

  #receiveData(producer: Producer, bytes: Uint8Array): void {
    this.#checkActive(producer, "the data frame");
    const mode = this.#port.mode();
    if (mode === null) throw new LongstreamError("protocol-error", "Cannot store the data frame: the head comes before it");
    this.#port.take(decodeDataFrame(bytes, mode));
  }

  /** Each case but those that store or pull is an event of the state machine, which refuses what a phase does not allow. */
  #receiveControl(socket: WebSocket, producer: Producer, message: ToObject): void {
    const { keepHead, hold, pull, dispatch } = this.#port;
    switch (message.type) {
      case "head":
        this.#checkActive(producer, "the head");
        return keepHead({ status: message.status, headers: message.headers, mode: message.mode });
      case "checkpoint":
        this.#checkActive(producer, "the checkpoint");
        return hold({ seq: message.seq, digest: message.digest, state: message.state });
      case "pull": {
        const attachment = attachmentOf(socket);
        return attachment.kind === "producer" ? pull(socket, attachment, message.from, message.upTo) : undefined;
      }
      case "handover":
      case "ready":
        return dispatch({ type: message.type, producer }, socket);
      case "yield":
        this.#checkComplete(message.seq, "yield");
        return dispatch({ type: "yield", producer }, socket);
      case "end":
        this.#checkComplete(message.seq, "end");
        return dispatch({ type: "end", producer, outcome: message.outcome, error: message.error }, socket);
    }
  }

  #checkActive(producer: Producer, what: string): void {
    if (roleOf(this.#port.state(), producer) === "active") return;
    throw new LongstreamError("protocol-error", `Cannot store ${what}: a standby sends nothing before it is promoted`);
  }

  /** `end` and `yield` come after all data on one socket, so a difference means lost frames. */
  #checkComplete(seq: number, what: string): void {
    const expected = this.#port.receivedSeq();
    if (seq !== expected) {
      throw new LongstreamError("seq-gap", `Cannot take the ${what} after event ${seq}: the expected seq is ${expected + 1}`);
    }
  }

  #closeOnError(socket: WebSocket, producer: Producer, error: LongstreamError): void {
    const { close } = errorTable[error.code];
    retire(socket, close, closeReason(error));
    // Dialling again mends a protocol error; what the handler did stays as it is.
    if (close === closeCodes.limit || close === closeCodes.done) {
      this.#port.dispatch({ type: "break", producer, error: { code: error.code, message: error.message } }, socket);
    } else {
      this.#port.dispatch({ type: "drop", producer, reason: `its socket was closed: ${error.message}` }, socket);
    }
  }
}
