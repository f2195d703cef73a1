/** Owns the paths the local stack adds to the Worker's own. */

/** Followed by a stream's id: how often its object was constructed since workerd started. */
export const constructionsPath = "/.local/constructions/";

/** Where the demo page learns that it runs locally, and how to reach the control port. */
export const localStackPath = "/.local/stack";
