/** Returns what no handler should. */

import { streamHandler } from "longstream/lambda-runtime";

// @ts-expect-error -- plain JavaScript may return anything, and no type stops it there
export const handler = streamHandler(() => 42);
