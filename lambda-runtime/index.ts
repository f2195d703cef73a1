/** Owns the public surface of `longstream/lambda-runtime`. */

export { LongstreamError } from "../protocol/errors.ts";
export type { ErrorCode } from "../protocol/errors.ts";
export { streamHandler } from "./handler.ts";
export { nodeStreamHandler } from "./node-stream.ts";
export type { LambdaHandler, ResponseStream } from "./acknowledge.ts";
export type { ForeignHandler, NodeStreamHandler } from "./node-stream.ts";
export type { NodeResponseStream } from "./response-stream.ts";
export type { FunctionUrlContext, FunctionUrlEvent } from "./url-event.ts";
export type {
  EventSequence,
  HandlerAnswer,
  HandlerStream,
  LambdaContext,
  LoggedEvent,
  StreamEvent,
  StreamHandler,
  StreamHandlerOptions,
  StreamResume,
} from "./types.ts";
