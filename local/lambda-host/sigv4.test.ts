/** Owns the tests of the signature check: AWS's published vector, aws4fetch, and each way to be refused. */
import { AwsV4Signer } from "aws4fetch";
import { expect, test } from "vitest";
import { verifySignature } from "./sigv4.ts";
import type { SignedRequest } from "./sigv4.ts";

const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
const nowMs = Date.UTC(2015, 7, 30, 12, 36, 0);
const expected = { credentials, region: "us-east-1", service: "service", nowMs };

const vanilla: SignedRequest = {
  method: "GET",
  target: "/",
  rawHeaders: [
    "Host", "example.amazonaws.com",
    "X-Amz-Date", "20150830T123600Z",
    "Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
  ],
  body: Buffer.alloc(0),
};

test("the get-vanilla vector of AWS's test suite is valid", () => {
  expect(verifySignature(vanilla, expected)).toEqual({ type: "valid" });
});

test.each([
  ["a name", "/2015-03-31/functions/chat/invocations", {}],
  ["an encoded ARN", "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-central-1%3A000000000000%3Afunction%3Achat/invocations", {}],
  ["a query to be sorted and encoded", "/2015-03-31/functions/chat/invocations?Qualifier=%24LATEST&A=b%20c&A=a*", {}],
  ["an unsigned payload", "/2015-03-31/functions/chat/invocations", { "X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD" }],
  ["spaces within a header", "/2015-03-31/functions/chat/invocations", { "X-Amz-Note": "a   b" }],
])("what aws4fetch signs is valid: %s", async (_, target, headers) => {
  const request = await signed(target, headers, '{"n":1}');
  expect(verifySignature(request, { ...expected, service: "lambda" })).toEqual({ type: "valid" });
});

test("a body hash that is signed but is not that of the body is refused", async () => {
  const request = await signed("/x", { "X-Amz-Content-Sha256": "00" }, "{}");
  expect(verifySignature(request, { ...expected, service: "lambda" })).toMatchObject({
    error: { type: "InvalidSignatureException", message: "The value passed in x-amz-content-sha256 does not match the body." },
  });
});

test.each([
  ["no Authorization", withHeader("Authorization", undefined), "MissingAuthenticationTokenException"],
  ["another scheme", withHeader("Authorization", "Bearer x"), "IncompleteSignatureException"],
  ["no signature", changed("Authorization", /, Signature=.*/, ""), "IncompleteSignatureException"],
  ["no date", withHeader("X-Amz-Date", undefined), "IncompleteSignatureException"],
  ["a scope that is too short", changed("Authorization", "/aws4_request", ""), "IncompleteSignatureException"],
  ["another access key", changed("Authorization", "AKIDEXAMPLE", "AKIDOTHER"), "UnrecognizedClientException"],
  ["a session token", withHeader("X-Amz-Security-Token", "token"), "UnrecognizedClientException"],
  ["another region", changed("Authorization", "us-east-1", "us-east-2"), "InvalidSignatureException"],
  ["another service", changed("Authorization", "/service/", "/lambda/"), "InvalidSignatureException"],
  ["another date in the scope", changed("Authorization", "20150830", "20150831"), "InvalidSignatureException"],
  ["a date in another form", withHeader("X-Amz-Date", "20150830 123600"), "InvalidSignatureException"],
  ["an x-amz- header that is not signed", withHeader("X-Amz-Invocation-Type", "Event"), "InvalidSignatureException"],
  ["a signed header that is not there", changed("Authorization", "host;", "host;x;"), "InvalidSignatureException"],
  ["one digit of the signature", changed("Authorization", /f31$/, "f30"), "InvalidSignatureException"],
  ["a shorter signature", changed("Authorization", /f31$/, ""), "InvalidSignatureException"],
  ["another host", withHeader("Host", "example.org"), "InvalidSignatureException"],
  ["another method", { ...vanilla, method: "POST" }, "InvalidSignatureException"],
  ["another path", { ...vanilla, target: "/other" }, "InvalidSignatureException"],
  ["another query", { ...vanilla, target: "/?a=b" }, "InvalidSignatureException"],
  ["another body", { ...vanilla, body: Buffer.from("x") }, "InvalidSignatureException"],
] as const)("refused: %s", (_, request, type) => {
  expect(verifySignature(request, expected)).toMatchObject({ type: "refused", error: { type } });
});

test("a clock may be off by five minutes, not more", () => {
  expect(verifiedAt(nowMs + 300_000)).toEqual({ type: "valid" });
  expect(verifiedAt(nowMs - 300_000)).toEqual({ type: "valid" });
  expect(JSON.stringify(verifiedAt(nowMs + 301_000))).toContain("Signature expired");
  expect(JSON.stringify(verifiedAt(nowMs - 301_000))).toContain("not yet current");
});

function verifiedAt(timeMs: number): unknown {
  return verifySignature(vanilla, { ...expected, nowMs: timeMs });
}

function withHeader(name: string, value: string | undefined): SignedRequest {
  const pairs = Object.entries({ ...headersOf(vanilla), [name]: value });
  return { ...vanilla, rawHeaders: pairs.flatMap(([key, text]) => (text === undefined ? [] : [key, text])) };
}

function changed(name: string, from: string | RegExp, to: string): SignedRequest {
  return withHeader(name, headersOf(vanilla)[name]?.replace(from, to));
}

function headersOf(request: SignedRequest): Record<string, string> {
  const { rawHeaders } = request;
  return Object.fromEntries(rawHeaders.flatMap((name, index) => (index % 2 === 0 ? [[name, rawHeaders[index + 1] ?? ""]] : [])));
}

async function signed(target: string, headers: Record<string, string>, body: string): Promise<SignedRequest> {
  const url = `http://127.0.0.1:8080${target}`;
  const datetime = "20150830T123600Z";
  const signer = new AwsV4Signer({ method: "POST", url, headers, body, datetime, region: "us-east-1", service: "lambda", ...credentials });
  const result = await signer.sign();
  const rawHeaders = ["Host", "127.0.0.1:8080", ...[...result.headers].flat()];
  return { method: "POST", target: `${result.url.pathname}${result.url.search}`, rawHeaders, body: Buffer.from(body) };
}
