/** Owns the tests of the injected faults. */
import { expect, test, vi } from "vitest";
import { open, processState, refusalOf, scratchFile, sizeOf, testHost, until, untilProcess, untilState } from "./testing.ts";

vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

const nobody = () => false;
const everybody = () => true;

test("kill ends the environments that match, and says which", async () => {
  const host = await testHost();
  const gate = scratchFile("gate");
  const doomed = host.invoke("gated", { gate, name: "doomed" });
  await untilState(host, "busy");
  const spared = host.invoke("gated", { gate, name: "spared" });
  await untilState(host, "busy", 2);
  expect(host.faults.kill(nobody)).toEqual([]);
  const killed = host.faults.kill(({ payload }) => JSON.stringify(payload).includes("doomed"));
  expect(killed).toMatchObject([{ functionName: "gated", state: "busy", payload: { gate, name: "doomed" } }]);
  const answer = await doomed;
  expect(answer).toMatchObject({ functionError: "Unhandled", json: { errorType: "Runtime.ExitError" } });
  expect(answer.json["errorMessage"]).toContain("signal: killed");
  open(gate);
  expect(await spared).toMatchObject({ status: 200, functionError: undefined });
  expect(host.invocationCounts()).toMatchObject({ crash: 1, success: 1 });
});

test("freeze stops a process in the middle of its invocation, thaw lets it go on", async () => {
  const host = await testHost();
  const ticks = scratchFile("ticks");
  await host.invoke("tickingForever", { ticks }, "Event");
  await until(() => expect(sizeOf(ticks)).toBeGreaterThan(0));
  expect(host.faults.thaw(everybody)).toEqual([]);
  const [frozen] = host.faults.freeze(everybody);
  const pid = frozen?.pid ?? 0;
  await untilProcess(pid, "stopped");
  expect(host.environments()).toMatchObject([{ pid, state: "suspended" }]);
  expect(host.faults.freeze(everybody)).toEqual([]);
  const stoppedAt = sizeOf(ticks);
  expect(host.faults.thaw(everybody)).toMatchObject([{ pid }]);
  await until(() => expect(sizeOf(ticks)).toBeGreaterThan(stoppedAt));
  expect(host.environments()).toMatchObject([{ pid, state: "busy" }]);
});

test("an idle environment is not hit by kill, freeze or thaw", async () => {
  const host = await testHost();
  const { json } = await host.invoke("echo", {});
  expect([host.faults.kill(everybody), host.faults.freeze(everybody), host.faults.thaw(everybody)]).toEqual([[], [], []]);
  expect((await host.invoke("echo", {})).json["pid"]).toBe(json["pid"]);
});

test("the time limit runs on while a process is frozen in the middle", async () => {
  const host = await testHost({ timeoutMs: 500 });
  await host.invoke("forever", {}, "Event");
  const [pid = 0] = await untilState(host, "busy");
  host.faults.freeze(everybody);
  await until(() => expect(host.invocationCounts()).toMatchObject({ timeout: 1 }));
  expect(processState(pid)).toBe("gone");
});

test("an event is delivered twice: the same request id in two processes at once", async () => {
  const host = await testHost();
  const gate = scratchFile("gate");
  expect(host.faults.duplicateNext({ functionName: "gated" })).toMatchObject({ kind: "duplicate", times: 1 });
  await host.invoke("echo", {});
  expect(host.faults.armed(), "meant for another function").toHaveLength(1);
  const { requestId } = await host.invoke("gated", { gate }, "Event");
  await untilState(host, "busy", 2);
  const twins = host.environments().filter((environment) => environment.state === "busy");
  expect(twins).toMatchObject([{ requestId, payload: { gate } }, { requestId, payload: { gate } }]);
  expect(host.faults.armed()).toEqual([]);
  open(gate);
  await until(() => expect(host.invocationCounts()).toMatchObject({ success: 3, running: 0 }));
  await host.invoke("gated", { gate }, "Event");
  await until(() => expect(host.invocationCounts()).toMatchObject({ success: 4, running: 0, queued: 0 }));
  expect(host.invocations().filter((invocation) => invocation.requestId === requestId)).toHaveLength(2);
});

test("an event is delivered late, its 202 is not", async () => {
  const host = await testHost();
  host.faults.delayNext({ delayMs: 300 });
  const sentMs = Date.now();
  expect((await host.invoke("echo", {}, "Event")).status).toBe(202);
  await until(() => expect(host.invocationCounts()).toMatchObject({ success: 1, queued: 0 }));
  // A millisecond for the rounding of two clocks.
  expect((host.invocations()[0]?.startedAtMs ?? 0) - sentMs).toBeGreaterThanOrEqual(299);
});

test("an event that is held back does not outlive the host", async () => {
  const host = await testHost();
  host.faults.delayNext({ delayMs: 3_600_000 });
  expect((await host.invoke("echo", {}, "Event")).status).toBe(202);
  expect(host.invocationCounts()).toMatchObject({ queued: 1, running: 0 });
  await host.close();
  expect(host.invocationCounts()).toMatchObject({ dropped: 1, queued: 0 });
});

test.each([
  [403, "AccessDeniedException"],
  [404, "ResourceNotFoundException"],
  [429, "TooManyRequestsException"],
  [500, "ServiceException"],
  [502, "EC2UnexpectedException"],
  [503, "ServiceUnavailableException"],
] as const)("calls are refused with %i %s as often as asked", async (status, name) => {
  const host = await testHost();
  host.faults.refuseNext({ functionName: "echo", status, times: 2 });
  expect(await refusalOf(host.invoke("echo", {}, "Event"))).toMatchObject({ name, status });
  expect(await refusalOf(host.invoke("echo", {}))).toMatchObject({ name, status });
  expect((await host.invoke("echo", {}, "DryRun")).status).toBe(204);
  expect(host.invocations()).toEqual([]);
});

test("it is known which call used up what was armed, refused ones too", async () => {
  const host = await testHost();
  host.faults.refuseNext({ functionName: "echo", status: 429 });
  host.faults.duplicateNext();
  host.faults.delayNext({ delayMs: 10 });
  expect(await refusalOf(host.invoke("echo", { call: 1 }, "Event"))).toMatchObject({ status: 429 });
  await host.invoke("echo", { call: 2 });
  const { requestId } = await host.invoke("echo", { call: 3 }, "Event");
  await host.invoke("echo", { call: 4 }, "Event");
  expect(host.faults.taken()).toEqual([
    { kind: "refuse", functionName: "echo", requestId: expect.any(String), payload: { call: 1 }, atMs: expect.any(Number) },
    { kind: "duplicate", functionName: "echo", requestId, payload: { call: 3 }, atMs: expect.any(Number) },
    { kind: "delay", functionName: "echo", requestId, payload: { call: 3 }, atMs: expect.any(Number) },
  ]);
});

test("what is armed can be disarmed", async () => {
  const host = await testHost();
  host.faults.refuseNext({ status: 500, times: 3 });
  host.faults.duplicateNext();
  expect(host.faults.disarm()).toMatchObject([{ kind: "refuse", times: 3 }, { kind: "duplicate", times: 1 }]);
  expect(host.faults.armed()).toEqual([]);
  expect((await host.invoke("echo", {})).status).toBe(200);
});
