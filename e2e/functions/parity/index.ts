/** The application of the parity suite behind the gateway. */

import { streamHandler } from "longstream/lambda-runtime";
import { app } from "./app.ts";

export const handler = streamHandler(app);
