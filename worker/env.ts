/** Owns the Worker's environment: its bindings beside its vars and secrets. */

import type { GatewayVars } from "./config.ts";
import type { StreamObject } from "./stream-object.ts";

export interface Env extends GatewayVars {
  readonly STREAMS: DurableObjectNamespace<StreamObject>;
}
