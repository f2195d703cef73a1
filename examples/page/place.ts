/** Owns where this page is: its stream in the address, and how far it had come in the tab's own storage. */

import type { AccountState } from "./account.ts";

export interface Place {
  readonly account: AccountState;
  /** How it ended, as it was shown; null while it had not. */
  readonly ending: { readonly outcome: string; readonly reason: string | null } | null;
}

const storageKey = "longstream";

/** Null where the address names no stream. */
export function streamInAddress(): string | null {
  const id = location.hash.slice(1);
  return /^[A-Za-z0-9_-]{1,40}$/.test(id) ? id : null;
}

/** A second tab that is opened at this address reads the same stream. */
export function putInAddress(id: string): void {
  if (streamInAddress() !== id) history.pushState(null, "", `#${id}`);
}

/** Text and cursor go together, so that a tab that comes back never has one without the other. */
export function keep(place: Place): void {
  try {
    sessionStorage.setItem(storageKey, JSON.stringify(place));
  } catch {
    // No room, or no storage here: the page then goes on from an older place, or from the start, and reads more again.
  }
}

/** Null where this tab was not at that stream. */
export function kept(id: string): Place | null {
  try {
    const place: unknown = JSON.parse(sessionStorage.getItem(storageKey) ?? "null");
    return isPlace(place) && place.account.id === id ? place : null;
  } catch {
    return null;
  }
}

/** This page's own writing: its shape is looked at no deeper than tells it from that of an older page. */
function isPlace(value: unknown): value is Place {
  if (typeof value !== "object" || value === null || !("account" in value) || !("ending" in value)) return false;
  const { account } = value;
  return typeof account === "object" && account !== null && "ticks" in account && "links" in account && "notes" in account && "lost" in account;
}
