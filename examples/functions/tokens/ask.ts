/** Owns reading a request: the prompt from the query or a JSON body, how fast and how long to answer from the query. */

export interface Ask {
  readonly prompt: string;
  /** Pace of the text; 0 is full speed. A model has its own. */
  readonly tokensPerSecond: number;
  /** Null for the whole answer. */
  readonly maxTokens: number | null;
}

const defaultTokensPerSecond = 40;
const howToAsk = 'send GET ?prompt=..., or POST with the JSON {"prompt": "..."}';

/** @throws Error that says what to send instead. */
export async function readAsk(request: Request): Promise<Ask> {
  const { searchParams } = new URL(request.url);
  return {
    prompt: checkPrompt(request.method === "POST" ? await readBody(request) : searchParams.get("prompt")),
    tokensPerSecond: readNumber(searchParams, "tokensPerSecond", 0) ?? defaultTokensPerSecond,
    maxTokens: readNumber(searchParams, "maxTokens", 1),
  };
}

/** The body's `prompt`, whatever it is; null where there is none. */
async function readBody(request: Request): Promise<unknown> {
  const text = await request.text();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(`Cannot answer: the body is not JSON; ${howToAsk}`);
  }
  return typeof value === "object" && value !== null && "prompt" in value ? value.prompt : null;
}

function checkPrompt(prompt: unknown): string {
  if (prompt === null) throw new Error(`Cannot answer: the request has no prompt; ${howToAsk}`);
  if (typeof prompt !== "string") throw new Error(`Cannot answer: the prompt is not a string; ${howToAsk}`);
  if (prompt.trim() === "") throw new Error(`Cannot answer: the prompt is empty; ${howToAsk}`);
  return prompt;
}

function readNumber(parameters: URLSearchParams, name: string, min: number): number | null {
  const text = parameters.get(name);
  if (text === null) return null;
  if (/^\d{1,9}$/.test(text) && Number(text) >= min) return Number(text);
  throw new Error(`Cannot answer: "${name}" is ${JSON.stringify(text)}; send a whole number from ${min} to 999999999, or leave it out`);
}
