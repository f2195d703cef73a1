/** Owns reading an event stream as the standard words it (WHATWG HTML, section 9.2.6), from all its bytes at once. */

export interface StandardEvent {
  readonly event: string;
  readonly data: string;
  /** The last id that was set before the event, or by it. */
  readonly lastId: string;
  /** Set since the event before; null where none was. */
  readonly newId: string | null;
  /** Set by the event itself; null where it sets none. */
  readonly ownId: string | null;
}

/** The fields of an event so far. */
interface Block {
  event: string;
  readonly data: string[];
  id: string | null;
}

export function readAsStandard(bytes: Uint8Array): readonly StandardEvent[] {
  const events: StandardEvent[] = [];
  // Takes a byte order mark away.
  const lines = new TextDecoder().decode(bytes).split(/\r\n|\r|\n/);
  let block: Block = { event: "", data: [], id: null };
  let newId: string | null = null;
  let lastId = "";
  // What no line break ends is no line.
  for (const line of lines.slice(0, -1)) {
    if (line !== "") {
      takeField(block, line);
      continue;
    }
    newId = block.id ?? newId;
    lastId = block.id ?? lastId;
    if (block.data.length > 0) {
      events.push({ event: block.event, data: block.data.join("\n"), lastId, newId, ownId: block.id });
      newId = null;
    }
    block = { event: "", data: [], id: null };
  }
  return events;
}

function takeField(block: Block, line: string): void {
  const colon = line.includes(":") ? line.indexOf(":") : line.length;
  const value = line.slice(colon + 1).replace(/^ /, "");
  switch (line.slice(0, colon)) {
    case "event":
      block.event = value;
      break;
    case "data":
      block.data.push(value);
      break;
    case "id":
      if (!value.includes("\0")) block.id = value;
      break;
    default:
      break;
  }
}
