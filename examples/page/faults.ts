/** Owns the fault panel: the faults of the local stack's control port as buttons. Where there is no local stack, nothing. */

import { localStackPath, objectPath } from "../../local/edge/paths.ts";
import { JsonReader } from "../../protocol/json.ts";
import { html } from "./element.ts";

export interface Fault {
  readonly name: string;
  readonly does: string;
  /** "nothing", or what must be there. */
  readonly needs: string;
}

export interface LocalStack {
  readonly faults: readonly Fault[];
  /** @throws Error with the reason why nothing was done. */
  inject(fault: string, streamId: string | null): Promise<string>;
  /** How often the stream's object was brought to life since workerd started: once more after each eviction. */
  constructions(streamId: string): Promise<number>;
}

/** Null where the page is served by no local stack. */
export async function findLocalStack(): Promise<LocalStack | null> {
  const found = await fetch(localStackPath);
  if (!found.ok) return null;
  const reader = JsonReader.parse(await found.text(), "the local stack");
  // Straight to the control port: a fault may end the Worker, or the very connection it is asked for on.
  const control = new URL("/faults", reader.string("control")).href;
  return {
    faults: parseFaults(await (await fetch(control)).text()),
    inject: async (fault, stream) => inject(control, JSON.stringify({ fault, stream })),
    constructions: async (id) => Number(await (await fetch(`${objectPath}${id}/constructions`)).text()),
  };
}

async function inject(control: string, body: string): Promise<string> {
  // As text it needs no preflight.
  const response = await fetch(control, { method: "POST", body });
  const answer = JsonReader.parse(await response.text(), "the answer of the control port");
  if (response.ok) return answer.string("did");
  throw new Error(answer.has("error") ? answer.string("error") : answer.string("detail"));
}

/** One button each. `chosen` is called with the fault's name. */
export function faultButtons(faults: readonly Fault[], chosen: (fault: Fault) => void): readonly HTMLButtonElement[] {
  return faults.map((fault) => {
    const button = html("button", { type: "button", class: "breaker", "data-needs": fault.needs }, html("strong", {}, fault.name), html("span", {}, fault.does));
    button.addEventListener("click", () => chosen(fault));
    return button;
  });
}

function parseFaults(text: string): readonly Fault[] {
  const value: unknown = JSON.parse(text);
  const list: readonly unknown[] = typeof value === "object" && value !== null && "faults" in value && Array.isArray(value.faults) ? value.faults : [];
  return list.map((entry) => {
    const reader = new JsonReader(entry, "a fault");
    return { name: reader.string("name"), does: reader.string("does"), needs: reader.string("needs") };
  });
}
