/** Owns the page: the form, the buttons, and which stream is on it. */

import { streamPath } from "../../protocol/http.ts";
import { find, write } from "./element.ts";
import { faultButtons, findLocalStack } from "./faults.ts";
import type { Fault, LocalStack } from "./faults.ts";
import { kept, putInAddress, streamInAddress } from "./place.ts";
import { Run } from "./run.ts";
import { ask } from "./stream.ts";
import { legend } from "./timeline.ts";
import { hush, showState, tell } from "./view.ts";

const form = find("ask", HTMLFormElement);
const field = find("prompt", HTMLTextAreaElement);
const pace = find("pace", HTMLSelectElement);
const sendButton = find("send", HTMLButtonElement);
const stopButton = find("stop", HTMLButtonElement);
const reloadButton = find("reload", HTMLButtonElement);
const secondTab = find("second", HTMLAnchorElement);
const inspect = find("inspect", HTMLAnchorElement);
const panel = find("faults", HTMLElement);

let run: Run | null = null;
let local: LocalStack | null = null;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!sendButton.disabled) settle(begin(field.value, Number(pace.value)));
});

field.addEventListener("keydown", (event) => {
  // While an input method composes a character, Enter belongs to it.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});

stopButton.addEventListener("click", () => {
  if (run !== null) settle(run.stop());
});

reloadButton.addEventListener("click", () => location.reload());
addEventListener("pagehide", () => run?.keep());
// Shown again from the browser's cache of pages: its connection is not.
addEventListener("pageshow", ({ persisted }) => {
  if (persisted && run !== null) open(run.id);
});
addEventListener("hashchange", () => {
  const id = streamInAddress();
  if (id !== null && id !== run?.id) open(id);
});

async function begin(prompt: string, tokensPerSecond: number): Promise<void> {
  run?.close();
  run = null;
  hush();
  showState("connecting", 0);
  toggle(stopButton, sendButton);
  stopButton.disabled = true;
  try {
    open(await ask({ prompt, tokensPerSecond }));
  } catch (error) {
    showState("failed", 0);
    tell(error instanceof Error ? error.message : String(error));
    toggle(sendButton, stopButton);
  }
}

function open(id: string): void {
  run?.close();
  putInAddress(id);
  run = new Run({ id, place: kept(id), local: () => local, changed });
  reloadButton.disabled = false;
  secondTab.href = `#${id}`;
  run.start();
}

function changed(state: "running" | "over"): void {
  if (state === "running") toggle(stopButton, sendButton);
  else toggle(sendButton, stopButton);
  allowFaults();
}

/** The panel is for the local stack; a deployed gateway has no control port, and the page works without. */
async function offerFaults(): Promise<void> {
  local = await findLocalStack();
  if (local === null) return;
  panel.append(...faultButtons(local.faults, (fault) => settle(inject(fault))));
  find("limits", HTMLElement).hidden = false;
  allowFaults();
}

async function inject({ name }: Fault): Promise<void> {
  write("did", `${name} ...`);
  try {
    const did = (await local?.inject(name, run?.id ?? null)) ?? "";
    write("did", `${name}: ${did}`);
    run?.noteFault(`${name}: ${did}`);
  } catch (error) {
    write("did", `${name}: not done, ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** What arms the next invocation works at any time; anything else needs a stream that goes on. */
function allowFaults(): void {
  const running = run !== null && !run.over;
  for (const button of panel.querySelectorAll<HTMLButtonElement>("button[data-needs]")) button.disabled = !running && button.dataset["needs"] !== "nothing";
  inspect.hidden = run === null || local === null;
  if (run !== null) inspect.href = streamPath(run.id);
}

/** A button that is disabled while it has the focus would drop it to the top of the page. */
function toggle(on: HTMLButtonElement, off: HTMLButtonElement): void {
  const focused = document.activeElement === off;
  on.disabled = false;
  if (focused) on.focus();
  off.disabled = true;
}

function settle(doing: Promise<void>): void {
  doing.catch((error: unknown) => tell(String(error)));
}

find("legend", HTMLElement).append(...legend());
settle(offerFaults());
const asked = streamInAddress();
if (asked !== null) open(asked);
