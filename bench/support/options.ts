/** Owns reading a command line: its numbers, and the end of a run whose line cannot be read. */

/** @returns `absent` where the option is not given. @throws Error for anything but a whole number of at least `least`. */
export function readCount(option: string, text: string | undefined, absent: number, least: number): number {
  if (text === undefined) return absent;
  if (/^\d{1,8}$/.test(text) && Number(text) >= least) return Number(text);
  throw new Error(`Cannot run: --${option} must be a whole number of at least ${least}, and it is "${text}"`);
}

/** What `read` makes of a command line; where it throws, the run ends with its message. */
export function readOrExit<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(2);
  }
}
