/** Owns the wording of everything that can go wrong with the model's API. */

export function cannotAnswer(what: string, options?: ErrorOptions): Error {
  return new Error(`Cannot answer the prompt: the model's API ${what}`, options);
}

/** For a connection that failed; Node hides the reason in the error's cause. */
export function brokeOff(what: string, error: unknown): Error {
  const reason = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cannotAnswer(`${what} (${reason instanceof Error ? reason.message || reason.name : String(reason)})`, { cause: error });
}

/** Undefined when the text is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The message of `{"error": {"message": "..."}}` or `{"error": "..."}`; undefined where there is no error. */
export function errorMessage(value: unknown): string | undefined {
  const error = field(value, "error");
  if (error === undefined || error === null) return undefined;
  const message = typeof error === "string" ? error : field(error, "message");
  return typeof message === "string" ? message : JSON.stringify(error);
}

/** One field of a value from outside; undefined where it has none. */
export function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Object.entries(value).find(([key]) => key === name)?.[1] : undefined;
}
