/** Owns reading the numbers of a command line. */

/** @returns `absent` where the option is not given. @throws Error for anything but a whole number of at least `least`. */
export function readCount(option: string, text: string | undefined, absent: number, least: number): number {
  if (text === undefined) return absent;
  if (/^\d{1,8}$/.test(text) && Number(text) >= least) return Number(text);
  throw new Error(`Cannot run: --${option} must be a whole number of at least ${least}, and it is "${text}"`);
}
