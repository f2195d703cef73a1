/** Owns how a function words the head of its HTTP response for AWS: buffered as JSON, or as the prelude of a stream. */

export interface FunctionHead {
  readonly status: number;
  /** Cookies included. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** The content type by which a streamed response says that it begins with a prelude. */
export const preludeContentType = "application/vnd.awslambda.http-integration-response";

const delimiter = Buffer.alloc(8);

export type PreludeStep =
  | { readonly type: "more" }
  | { readonly type: "head"; readonly head: FunctionHead; readonly rest: Buffer }
  | { readonly type: "broken" };

/** Finds the JSON in front of the first 8 NULs, however the bytes come. More of it than `maxBytes` is broken. */
export class PreludeReader {
  readonly #maxBytes: number;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(chunk: Uint8Array): PreludeStep {
    // The delimiter may begin in what was read before.
    const from = Math.max(0, this.#bytes.length - delimiter.length);
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    const at = this.#bytes.indexOf(delimiter, from);
    const headBytes = at === -1 ? this.#bytes.length - delimiter.length + 1 : at;
    if (headBytes > this.#maxBytes) return { type: "broken" };
    if (at === -1) return { type: "more" };
    const head = readHead(parseJson(this.#bytes.subarray(0, at).toString()));
    return head === undefined ? { type: "broken" } : { type: "head", head, rest: this.#bytes.subarray(at + delimiter.length) };
  }
}

/** Undefined where it is no head. Without a status it is 200. */
export function readHead(value: unknown): FunctionHead | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const { statusCode = 200, headers, cookies }: { statusCode?: unknown; headers?: unknown; cookies?: unknown } = value;
  if (typeof statusCode !== "number" || !Number.isInteger(statusCode) || statusCode < 200 || statusCode > 599) return undefined;
  return { status: statusCode, headers: [...readHeaders(headers), ...readCookies(cookies)] };
}

/** For a head that names no content type, which is then that of the stream. */
export function withContentType(head: FunctionHead, contentType: string): FunctionHead {
  const has = head.headers.some(([name]) => name.toLowerCase() === "content-type");
  return has ? head : { ...head, headers: [...head.headers, ["Content-Type", contentType]] };
}

/** Undefined for what is no JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Framing is for whoever sends the response on. */
const framing = new Set(["connection", "transfer-encoding"]);

function readHeaders(value: unknown): readonly (readonly [string, string])[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, text]: [string, unknown]) => {
    const isText = typeof text === "string" || typeof text === "number" || typeof text === "boolean";
    return isText && !framing.has(name.toLowerCase()) ? [[name, String(text)] as const] : [];
  });
}

function readCookies(value: unknown): readonly (readonly [string, string])[] {
  if (!Array.isArray(value)) return [];
  return value.filter((cookie) => typeof cookie === "string").map((cookie) => ["set-cookie", cookie] as const);
}
