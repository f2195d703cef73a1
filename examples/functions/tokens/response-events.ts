/** Owns reading the events of a background response: its pieces of text, where each stands, and whether it was complete. */

import { cannotAnswer, errorMessage, field, parseJson } from "./model-errors.ts";
import { readData } from "./model.ts";

/** A place in a response's events, from which the API gives what follows. */
export interface Place {
  readonly response: string;
  /** `sequence_number` of the last event that was taken. */
  readonly after: number;
}

/** The first one of a response has no text: it says that there is one. */
export interface Piece {
  readonly text: string;
  readonly place: Place;
}

/** The connection is over and the response is not: it can be read on from its last place. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/**
 * @throws Interrupted when the stream ends without having said that the answer is complete, Error when the answer will
 * not be.
 */
export async function* readResponse(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  id: string | null,
  signal: AbortSignal,
): AsyncGenerator<Piece, void, void> {
  let response = id;
  for await (const data of resumable(readData(body, signal), signal)) {
    const event = parseJson(data);
    const after = field(event, "sequence_number");
    response ??= idOf(event);
    if (typeof after !== "number" || response === null) throw cannotAnswer(`sent what is no event of a response: ${data.slice(0, 200)}`);
    const step = readStep(event);
    if (step === "end") return;
    if (step !== "other") yield { text: step.text, place: { response, after } };
  }
  throw interrupted(cannotAnswer("ended its stream before the answer was complete"));
}

/** Events of an answer's parts, and of the model's reasoning, say nothing that is streamed here. */
type Step = { readonly text: string } | "end" | "other";

function readStep(event: unknown): Step {
  switch (field(event, "type")) {
    case "response.created":
      return { text: "" };
    case "response.output_text.delta":
    case "response.refusal.delta":
      return { text: textOf(field(event, "delta")) ?? "" };
    case "response.completed":
      return "end";
    case "response.incomplete":
      return endOfIncomplete(event);
    case "response.failed":
      throw cannotAnswer(`failed in the middle of the answer (${errorMessage(field(event, "response")) ?? "no reason given"})`);
    case "error":
      throw cannotAnswer(`failed in the middle of the answer (${textOf(field(event, "message")) ?? "no reason given"})`);
    default:
      return "other";
  }
}

/** Cut at the number of tokens that was asked for, it is complete. */
function endOfIncomplete(event: unknown): "end" {
  const reason = textOf(field(field(field(event, "response"), "incomplete_details"), "reason"));
  if (reason === "max_output_tokens") return "end";
  throw cannotAnswer(`withheld the rest of the answer (${reason ?? "no reason given"})`);
}

function idOf(event: unknown): string | null {
  return textOf(field(field(event, "response"), "id"));
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

export function interrupted(error: unknown): Interrupted {
  return new Interrupted(error instanceof Error ? error.message : String(error), { cause: error });
}

async function* resumable(data: AsyncIterable<string>, signal: AbortSignal): AsyncGenerator<string, void, void> {
  try {
    yield* data;
  } catch (error) {
    if (signal.aborted) throw error;
    throw interrupted(error);
  }
}
