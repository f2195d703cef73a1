/** Owns an answer by the Responses API in background mode: the model works on by itself, and is read on from any place. */

import { setTimeout as sleep } from "node:timers/promises";
import type { CompletionOptions } from "./completion.ts";
import type { Message } from "./conversation.ts";
import { cannotAnswer } from "./model-errors.ts";
import { eventStreamOf, request } from "./model.ts";
import type { ModelSettings } from "./model.ts";
import { Interrupted, interrupted, readResponse } from "./response-events.ts";
import type { Piece, Place } from "./response-events.ts";

/** The API knows the response no more: what follows can only be had from the text so far. */
export class Gone extends Error {
  override readonly name = "Gone";
}

/** Of another API than OpenAI's too, whose window for reading on is over. */
const goneStatuses = new Set([400, 404, 410]);
const maxFruitlessReads = 3;
const pauseMs = 500;
/** A handler that is cancelled has two seconds to end. */
const cancelWaitMs = 1_500;

/**
 * The pieces behind `from`, or of a new response to `messages` where that is null. A connection that breaks is made again.
 * When the stream is cancelled, so is the response: nothing else would stop the model.
 *
 * @throws Gone, or Error that says what the API did.
 */
export async function* streamResponse(
  settings: ModelSettings,
  messages: readonly Message[],
  { from, maxTokens, signal }: CompletionOptions & { readonly from: Place | null },
): AsyncGenerator<Piece, void, void> {
  let place = from;
  try {
    for (let fruitless = 0; ; fruitless++) {
      try {
        const body = place === null ? await create(settings, messages, maxTokens, signal) : await readOn(settings, place, signal);
        for await (const piece of readResponse(body, place?.response ?? null, signal)) {
          place = piece.place;
          fruitless = 0;
          yield piece;
        }
        return;
      } catch (error) {
        if (!(error instanceof Interrupted) || place === null || fruitless >= maxFruitlessReads) throw error;
      }
      await sleep(pauseMs, undefined, { signal });
    }
  } finally {
    if (place !== null && wasCancelled(signal)) await cancel(settings, place.response);
  }
}

type Body = ReadableStream<Uint8Array<ArrayBuffer>>;

async function create(settings: ModelSettings, messages: readonly Message[], maxTokens: number | null, signal: AbortSignal): Promise<Body> {
  const limit = maxTokens === null ? {} : { max_output_tokens: maxTokens };
  const body = { model: settings.model, input: messages, stream: true, background: true, store: true, ...limit };
  return eventStreamOf(await request(settings, { method: "POST", path: "/responses", body, signal }), signal);
}

/** https://developers.openai.com/docs/guides/background, "Streaming a background response". */
async function readOn(settings: ModelSettings, { response, after }: Place, signal: AbortSignal): Promise<Body> {
  const path = `/responses/${encodeURIComponent(response)}?stream=true&starting_after=${after}`;
  const answer = await request(settings, { method: "GET", path, signal }).catch((error: unknown) => {
    throw signal.aborted ? error : interrupted(error);
  });
  if (goneStatuses.has(answer.status)) {
    await answer.body?.cancel();
    throw new Gone(cannotAnswer(`answered ${answer.status} when it was asked for the rest of ${response}`).message);
  }
  try {
    return await eventStreamOf(answer, signal);
  } catch (error) {
    throw answer.status === 429 || answer.status >= 500 ? interrupted(error) : error;
  }
}

/** By the code of the LongstreamError: a handover aborts the signal too, and must leave the response to the successor. */
function wasCancelled({ reason }: AbortSignal): boolean {
  return reason instanceof Error && "code" in reason && reason.code === "cancelled";
}

async function cancel(settings: ModelSettings, response: string): Promise<void> {
  const path = `/responses/${encodeURIComponent(response)}/cancel`;
  // Nobody waits for the answer any more: where it cannot be cancelled it comes to its own end.
  await request(settings, { method: "POST", path, signal: AbortSignal.timeout(cancelWaitMs) }).catch(() => undefined);
}
