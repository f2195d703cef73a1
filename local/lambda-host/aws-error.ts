/** Owns the errors of the Invoke API and of Function URLs as AWS words them: status, who is at fault, and the JSON around them. */
import type { ServerResponse } from "node:http";

const errors = {
  MissingAuthenticationTokenException: { status: 403, fields: {} },
  IncompleteSignatureException: { status: 403, fields: {} },
  InvalidSignatureException: { status: 403, fields: {} },
  UnrecognizedClientException: { status: 403, fields: {} },
  AccessDeniedException: { status: 403, fields: {} },
  UnknownOperationException: { status: 404, fields: {} },
  InvalidRequestContentException: { status: 400, fields: { Type: "User" } },
  InvalidParameterValueException: { status: 400, fields: { Type: "User" } },
  ResourceNotFoundException: { status: 404, fields: { Type: "User" } },
  RequestTooLargeException: { status: 413, fields: { Type: "User" } },
  TooManyRequestsException: {
    status: 429,
    fields: { Type: "User", Reason: "ReservedFunctionConcurrentInvocationLimitExceeded" },
  },
  ServiceException: { status: 500, fields: { Type: "Service" } },
  EC2UnexpectedException: { status: 502, fields: { Type: "Service" } },
  ServiceUnavailableException: { status: 503, fields: { Type: "Service" } },
} as const satisfies Record<string, { status: number; fields: Record<string, string> }>;

export type AwsErrorType = keyof typeof errors;

export interface AwsError {
  readonly type: AwsErrorType;
  readonly message: string;
}

/** The statuses a fault can ask for, and the error that stands for each. */
export const refusals = {
  403: { type: "AccessDeniedException", message: "User is not authorized to perform: lambda:InvokeFunction" },
  404: { type: "ResourceNotFoundException", message: "Function not found" },
  429: { type: "TooManyRequestsException", message: "Rate Exceeded." },
  500: { type: "ServiceException", message: "An error occurred and the request cannot be processed." },
  502: { type: "EC2UnexpectedException", message: "Lambda received an unexpected Amazon EC2 client exception." },
  503: { type: "ServiceUnavailableException", message: "Service is unavailable" },
} as const satisfies Record<number, AwsError>;

export type RefusalStatus = keyof typeof refusals;

export function sendError(reply: ServerResponse, requestId: string, { type, message }: AwsError): void {
  const { status, fields } = errors[type];
  // AWS spells the key of these errors with a capital.
  const key = type === "ResourceNotFoundException" || type === "AccessDeniedException" ? "Message" : "message";
  const body = JSON.stringify({ ...fields, [key]: message });
  reply.writeHead(status, {
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(body),
    "x-amzn-RequestId": requestId,
    "x-amzn-ErrorType": type,
  });
  reply.end(body);
}
