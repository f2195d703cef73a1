/** Owns what the model on this machine is asked, what it says, and what that costs. */

import type { ServerResponse } from "node:http";

/** What the model says to one prompt. */
export interface Speech {
  readonly tokens: readonly string[];
  readonly tokensPerSecond: number;
  /** Before the first token. */
  readonly thinkMs?: number;
}

/** What happened for one prompt. */
export interface Account {
  /** As `POST /v1/responses`, in the order they came. */
  readonly requests: string[];
  /** Tokens that were made, whether anybody read them or not: what the bill is for. */
  paid: number;
}

/** A request for an answer, whichever API it came by. */
export interface Ask {
  readonly prompt: string;
  /** What of the answer was said already, by the request. */
  readonly soFar: string;
  readonly account: Account;
}

/** What is left to say. @throws Error when what was said so far is not how the speech begins. */
export function rest({ tokens }: Speech, soFar: string): readonly string[] {
  let text = "";
  for (let count = 0; count <= tokens.length; count++) {
    if (text === soFar) return tokens.slice(count);
    text += tokens[count] ?? "";
  }
  throw new Error(`the answer does not begin with ${JSON.stringify(soFar.slice(-80))}`);
}

/** Reads `messages` of chat completions, or `input` of responses. @throws Error for what is not served here. */
export function readAsk(body: unknown, account: (prompt: string) => Account): Ask {
  const fields = fieldsOf(body);
  if (fields.get("stream") !== true) throw new Error("only streams are served");
  if (fields.has("input") && fields.get("background") !== true) throw new Error("only background responses are served");
  const messages: unknown = fields.get("messages") ?? fields.get("input");
  const [prompt, soFar = ""] = (Array.isArray(messages) ? messages : []).map((message: unknown) => String(fieldsOf(message).get("content")));
  if (prompt === undefined) throw new Error("there is no prompt");
  return { prompt, soFar, account: account(prompt) };
}

function fieldsOf(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(typeof value === "object" && value !== null ? Object.entries(value) : []);
}

export function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ error: { message } }));
}
