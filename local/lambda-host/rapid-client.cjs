/** Owns the three functions that aws-lambda-ric expects from its native addon: next, done and error, over node:http. */
/* oxlint-disable typescript/no-unsafe-argument, typescript/no-unsafe-assignment, typescript/no-unsafe-call, typescript/no-unsafe-member-access, typescript/no-unsafe-return -- no types here */
"use strict";

const { Agent, request } = require("node:http");

const [hostname, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new Agent({ keepAlive: true });
const prefix = "/2018-06-01/runtime/invocation";

/** Posts under way. The addon posts synchronously; here next() waits for them, so the order on the wire is the same. */
const posts = new Set();

function call(method, path, headers, body) {
  return new Promise((resolve, reject) => {
    const outgoing = request({ hostname, port, agent, method, path, headers }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve({ headers: response.headers, bodyJson: Buffer.concat(chunks).toString() }));
      response.on("error", reject);
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

function post(path, body, headers) {
  const bytes = Buffer.from(body);
  const posting = call("POST", path, { "Content-Type": "application/json", "Content-Length": bytes.length, ...headers }, bytes);
  posts.add(posting);
  // next() sees the failure through `posts`; without this handler it would be an unhandled rejection until then.
  posting.then(
    () => posts.delete(posting),
    () => {},
  );
}

module.exports = {
  async next() {
    await Promise.all(posts);
    return call("GET", `${prefix}/next`, {});
  },
  /** `id` comes URI-encoded, here and in error. */
  done(id, body) {
    post(`${prefix}/${id}/response`, body, {});
  },
  error(id, body, _xray) {
    post(`${prefix}/${id}/error`, body, {});
  },
};
