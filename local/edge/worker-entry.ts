/** Owns the one thing the local stack adds to the Worker: a way to abort an object, as the platform does on a fault. */

import { StreamObject as ProductObject } from "../../worker/stream-object.ts";

export { default } from "../../worker/index.ts";

export class StreamObject extends ProductObject {
  /** The caller sees the abort as an error. */
  abort(): void {
    this.ctx.abort("a fault was injected");
  }
}
