/** Owns the type of the global that AWS's runtime gives to functions, as far as it is used here; `@types/aws-lambda` has all. */

import type { FunctionUrlEvent, LambdaContext, NodeResponseStream } from "longstream/lambda-runtime";

type StreamingHandler = (event: FunctionUrlEvent, responseStream: NodeResponseStream, context: LambdaContext) => Promise<void>;

interface ResponseMetadata {
  readonly statusCode?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cookies?: readonly string[];
}

declare global {
  const awslambda: {
    streamifyResponse(handler: StreamingHandler, options?: { readonly highWaterMark?: number }): StreamingHandler;
    readonly HttpResponseStream: { from(stream: NodeResponseStream, metadata: ResponseMetadata): NodeResponseStream };
  };
}
