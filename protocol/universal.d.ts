/**
 * The only globals beyond ES2024 that protocol/ may use: all three hosts have them (WHATWG Encoding and HTML). Seen by this
 * folder's type check alone; the hosts bring their own declarations.
 */
declare class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>;
}

declare class TextDecoder {
  constructor(label: "utf-8", options: { fatal: boolean; ignoreBOM: boolean });
  decode(bytes: Uint8Array): string;
}

declare function atob(base64: string): string;
