/** Owns the producers that have no right to write: they dial with a ticket that was true once, try everything at once, and note what became of it. */

import { pong } from "../../protocol/producer-messages.ts";
import type { Invocation } from "../support/invocations.ts";
import { closeOf, dial, lost } from "./dial.ts";
import type { Close } from "./dial.ts";
import { strayWords } from "./frames.ts";
import type { Answer, History, StrayKind, Try } from "./history.ts";

/** The close code by which the gateway says no. */
const fenced = 4409;
const patienceMs = 10_000;

/**
 * Settles when it is out. It waits for no answer: what it has to say is on its way before it can be told that it is fenced.
 * `dying` fires just before a kill: whoever is dropped earlier was dropped by the gateway itself.
 */
export async function stray(url: URL, history: History, kind: StrayKind, invocation: Invocation, dying: AbortSignal): Promise<void> {
  const { attempt } = invocation;
  // The same run as the true one had, but for the second delivery of an invocation, which is another run of it.
  const socket = dial(url, invocation, kind === "duplicate" ? `twin-${attempt}` : `run-${attempt}`);
  const heard: string[] = [];
  socket.on("error", (error) => heard.push(error.message));
  socket.on("open", () => {
    for (const word of strayWords(history, attempt)) socket.send(word, () => undefined);
  });
  const welcomed = new Promise<Answer>((resolve) => {
    socket.on("message", (data) => {
      const text = Buffer.isBuffer(data) ? data.toString("utf8") : "";
      heard.push(text.slice(0, 200));
      if (text !== pong) resolve("welcomed");
    });
  });
  const { answer, detail } = await answerOf(closeOf(socket), welcomed, dying);
  socket.terminate();
  history.tries.push({ kind, attempt, answer, detail: [detail, ...heard].join("; ") });
}

/** What became of one whose socket was open all the time. */
export async function noteThawed(history: History, attempt: number, closed: Promise<Close>, dying: AbortSignal): Promise<void> {
  history.tries.push({ kind: "thawed", attempt, ...(await answerOf(closed, new Promise(() => undefined), dying)) });
}

async function answerOf(closed: Promise<Close>, welcomed: Promise<Answer>, dying: AbortSignal): Promise<Pick<Try, "answer" | "detail">> {
  const patience = new AbortController();
  const ignored = new Promise<Answer>((resolve) => {
    // A socket that is left open is a finding too, and says nothing.
    const timer = setTimeout(() => resolve("ignored"), patienceMs);
    patience.signal.addEventListener("abort", () => clearTimeout(timer));
  });
  const result = await Promise.race([closed, welcomed, ignored]);
  patience.abort();
  if (typeof result === "string") return { answer: result, detail: "" };
  return { answer: answerBy(result, dying), detail: `${result.status ?? result.code} ${result.reason}` };
}

/** An upgrade refused by HTTP is as good as a fence; one that fails there (5xx) is as bad as a connection lost. */
function answerBy({ code, status }: Close, dying: AbortSignal): Answer {
  if (code === fenced || (status !== null && status >= 400 && status < 500)) return "refused";
  if (code !== lost) return "ignored";
  return dying.aborted ? "cut off" : "dropped";
}
