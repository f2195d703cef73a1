/** Owns the drawing of the timeline: a lane per attempt, a tick per commit, and a symbol for whatever happened. */

import type { AccountState, Tick } from "./account.ts";
import { html, plural, svg } from "./element.ts";
import { writerOf } from "./happenings.ts";
import type { Happening, HappeningKind } from "./happenings.ts";
import { axisOf, clock, scaleOf, spansOf, tickPath, toPx } from "./lanes.ts";
import type { Scale } from "./lanes.ts";
import type { Attempt, Status } from "./status.ts";

export interface Scene {
  readonly account: AccountState;
  readonly status: Status | null;
  readonly happenings: readonly Happening[];
  readonly nowMs: number;
}

const rowPx = 26;
const bandPx = 14;
const axisPx = 20;
/** The way from the log to this page, and what two clocks may differ. */
const lateMs = 250;
const gutterPx = 76;
/** Room for the pause that is written behind the last symbol. */
const marginPx = 58;
/** What a short label needs, so that two do not run into each other. */
const labelPx = 62;

/** What has a row of its own as soon as there is some. */
const noted = [
  { kind: "eviction", name: "Object" },
  { kind: "fault", name: "Faults" },
] as const;

/** Centred on 0,0. Told apart by shape, not by colour alone. */
const symbols: Readonly<Record<HappeningKind, string>> = {
  handover: "M0-6L6 0L0 6L-6 0Z",
  recovery: "M-5-5L5 5M5-5L-5 5",
  reconnect: "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0Z",
  reload: "M-6 0a6 6 0 1 0 12 0a6 6 0 1 0-12 0ZM-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0Z",
  eviction: "M-6-5L6-5L0 6Z",
  fault: "M-4 6V-6L5-3L-4 1",
  end: "M-5-5H5V5H-5Z",
};

const kinds: readonly HappeningKind[] = ["handover", "recovery", "reconnect", "reload", "eviction", "fault", "end"];

function symbol(kind: HappeningKind, x: number, y: number, title: string): SVGElement {
  return svg("path", { d: symbols[kind], class: `symbol ${kind}`, transform: `translate(${x} ${y})` }, svg("title", {}, title));
}

/** What the symbols mean, beside the tick. */
export function legend(): readonly Node[] {
  const entries: readonly (readonly [SVGElement, string])[] = [
    [svg("path", { d: "M-4-6V6M0-6V6M4-6V6", class: "ticks" }), "commit"],
    ...kinds.map((kind) => [symbol(kind, 0, 0, kind), kind] as const),
  ];
  return entries.map(([drawn, name]) => html("li", {}, svg("svg", { viewBox: "-8 -8 16 16", width: 16, height: 16, "aria-hidden": "true" }, drawn), name));
}

/** One sentence for those who do not see it; the list below it has the rest. */
export function summary({ status, happenings }: Scene): string {
  const of = (kind: HappeningKind, noun: string): string => plural(happenings.filter((one) => one.kind === kind).length, noun);
  const recoveries = happenings.filter(({ kind }) => kind === "recovery").length;
  return [
    plural(status?.attempts.length ?? 0, "attempt"),
    of("handover", "handover"),
    `${recoveries} ${recoveries === 1 ? "recovery" : "recoveries"}`,
    of("reconnect", "reconnect"),
    of("eviction", "eviction"),
    of("fault", "fault"),
  ].join(", ");
}

/** Draws anew: what is on it moves whenever time goes on. */
export function draw(canvas: SVGSVGElement, widthPx: number, scene: Scene): void {
  const attempts = scene.status?.attempts ?? [];
  const noteRows = noted.flatMap(({ kind, name }) => {
    const happenings = scene.happenings.filter((one) => one.kind === kind);
    return happenings.length === 0 ? [] : [{ name, happenings }];
  });
  const rows = 1 + attempts.length + noteRows.length;
  const heightPx = rows * rowPx + axisPx;
  const scale = scaleOf(startOf(scene), endOf(scene), gutterPx, Math.max(gutterPx + 40, widthPx - marginPx));
  canvas.setAttribute("viewBox", `0 0 ${widthPx} ${heightPx}`);
  canvas.setAttribute("height", String(heightPx));
  const ticks = ticksByWriter(scene);
  const lanes = attempts.flatMap((attempt) => lane(scene, attempt, ticks.get(attempt.attempt) ?? [], scale));
  const notes = noteRows.flatMap(({ name, happenings }, index) => noteRow(name, happenings, middleOf(1 + attempts.length + index), scale));
  canvas.replaceChildren(...axis(scale, rows * rowPx), ...pageRow(scene, ticks.get(null) ?? [], scale), ...lanes, ...notes);
}

/**
 * Ticks by the attempt that wrote them. What arrived long after its writer was gone was replayed from the log, and is no
 * tick of that writer's lane: it is under null.
 */
function ticksByWriter({ account, status }: Scene): ReadonlyMap<number | null, readonly Tick[]> {
  return Map.groupBy(account.ticks, ({ atMs, firstSeq }) => {
    const writer = writerOf(status?.attempts ?? [], firstSeq);
    return writer === undefined || atMs > (writer.endedAtMs ?? Infinity) + lateMs ? null : writer.attempt;
  });
}

function startOf({ status, account, nowMs }: Scene): number {
  return status?.createdAtMs ?? account.links[0]?.openedAtMs ?? nowMs;
}

function endOf({ status, nowMs }: Scene): number {
  return status?.endedAtMs ?? nowMs;
}

function middleOf(row: number): number {
  return row * rowPx + rowPx / 2;
}

function axis(scale: Scale, topPx: number): readonly Node[] {
  return axisOf(scale).flatMap((ms) => {
    const x = toPx(scale, scale.fromMs + ms);
    return [svg("path", { d: `M${x} 0V${topPx + 4}`, class: "grid" }), svg("text", { x, y: topPx + 16, "text-anchor": "middle", class: "soft" }, clock(ms))];
  });
}

/** When this page was connected; what it missed meanwhile it got afterwards. */
function pageRow({ account, happenings, nowMs }: Scene, replayed: readonly Tick[], scale: Scale): readonly Node[] {
  const y = middleOf(0);
  const lines = account.links.map(({ openedAtMs, lostAtMs }) => `M${toPx(scale, openedAtMs)} ${y}H${toPx(scale, lostAtMs ?? nowMs)}`);
  const comings = happenings.filter(({ kind }) => kind === "reconnect" || kind === "reload");
  return [
    rowName("This page", y),
    svg("path", { d: lines.join(""), class: "link" }),
    svg("path", { d: tickPath(replayed, scale, y - bandPx / 2, bandPx), class: "ticks replayed" }, svg("title", {}, "replayed to this page")),
    ...labelled(comings, y, scale),
  ];
}

function lane(scene: Scene, attempt: Attempt, ticks: readonly Tick[], scale: Scale): readonly Node[] {
  const attempts = scene.status?.attempts ?? [];
  const index = attempts.indexOf(attempt);
  const y = middleOf(index + 1);
  const before = attempts[index - 1];
  const spans = spansOf(attempt, before === undefined ? attempt.invokedAtMs : before.endedAtMs, endOf(scene));
  const bands = spans.map(({ doing, fromMs, toMs }) => {
    const x = toPx(scale, fromMs);
    const height = doing === "writing" ? bandPx : 6;
    const title = svg("title", {}, `attempt ${attempt.attempt} ${doing}: ${Math.round(toMs - fromMs)} ms`);
    return svg("rect", { x, y: y - height / 2, width: Math.max(1, toPx(scale, toMs) - x), height, rx: 2, class: `span ${doing}` }, title);
  });
  const ends = scene.happenings.filter((one) => one.attempt === attempt.attempt);
  return [
    rowName(`Attempt ${attempt.attempt}`, y),
    ...bands,
    svg("path", { d: tickPath(ticks, scale, y - bandPx / 2, bandPx), class: "ticks" }),
    ...labelled(ends, y, scale),
  ];
}

/** Symbols with the pause around them written behind. */
function labelled(happenings: readonly Happening[], y: number, scale: Scale): readonly Node[] {
  return withRoom(happenings, scale).flatMap(({ happening, x, room }) => {
    const { kind, pauseMs, text } = happening;
    const pause = pauseMs === null ? null : `${pauseMs} ms`;
    const drawn = symbol(kind, x, y, pause === null ? text : `${text} (${pause})`);
    return pause === null || !room ? [drawn] : [drawn, svg("text", { x: x + 10, y: y + 4, class: "pause" }, pause)];
  });
}

function noteRow(name: string, happenings: readonly Happening[], y: number, scale: Scale): readonly Node[] {
  return [rowName(name, y), ...happenings.map(({ kind, text, atMs }) => symbol(kind, toPx(scale, atMs), y, text))];
}

/** Whether the next symbol leaves room for a label behind this one. */
function withRoom(happenings: readonly Happening[], scale: Scale): readonly { readonly happening: Happening; readonly x: number; readonly room: boolean }[] {
  const placed = happenings.map((happening) => ({ happening, x: toPx(scale, happening.atMs) }));
  return placed.map((one, index) => ({ ...one, room: (placed[index + 1]?.x ?? Infinity) - one.x > labelPx }));
}

function rowName(name: string, y: number): SVGElement {
  return svg("text", { x: 0, y: y + 4, class: "row-name" }, name);
}
