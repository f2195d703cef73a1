/** Owns the paths the local stack adds to the Worker's own. */

/** What can be done to an object: `{objectPath}{stream id}/{action}`. */
export const objectPath = "/.local/objects/";

/**
 * `abort` and `evict` are POSTs; eviction takes `?sockets=hibernate` or `close`. `sql` is a POST of a query, answered with its rows.
 * `constructions` says how often the object was constructed since workerd started, and wakes nothing.
 */
export type ObjectAction = "abort" | "evict" | "sql" | "constructions";

/** Where the demo page learns that it runs locally, and how to reach the control port. */
export const localStackPath = "/.local/stack";
