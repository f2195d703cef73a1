/** Owns the contents of a benchmark's log: every byte of every event is known from its seq. */

export const eventBytes = 500;

/** The lines of event `seq`, sized so that it has `eventBytes` in the log. */
export function payloadOf(log: string, seq: number): Buffer {
  const head = `data: {"n":${seq},"pad":"`;
  const tail = '"}\n';
  const pad = eventBytes - idLineOf(log, seq).length - head.length - tail.length;
  return Buffer.from(head + "x".repeat(pad) + tail, "latin1");
}

/** Events `first..last` as readers get them. */
export function logBytes(log: string, first: number, last: number): Buffer {
  const parts: Buffer[] = [];
  for (let seq = first; seq <= last; seq++) parts.push(payloadOf(log, seq), Buffer.from(idLineOf(log, seq), "latin1"));
  return Buffer.concat(parts);
}

function idLineOf(log: string, seq: number): string {
  return `id: ${log}-${seq}\n\n`;
}
