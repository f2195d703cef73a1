/** Owns the tests of how environments live: reuse, freeze, idle end, close, and the death of the host. */
import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { expect, onTestFinished, test, vi } from "vitest";
import {
  fixtures, open, processState, refusalOf, scratchFile, sizeOf, testHost, until, untilProcess, untilState,
} from "./testing.ts";

vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

test("a warm environment is used again", async () => {
  const host = await testHost();
  const first = await host.invoke("echo", {});
  const second = await host.invoke("echo", {});
  expect(second.json).toMatchObject({ pid: first.json["pid"], invocations: 2 });
  expect(host.pids.size).toBe(1);
});

test("one process per concurrent invocation", async () => {
  const host = await testHost();
  const gate = scratchFile("gate");
  const running = [host.invoke("gated", { gate }), host.invoke("gated", { gate }), host.invoke("gated", { gate })];
  await untilState(host, "busy", 3);
  open(gate);
  const pids = (await Promise.all(running)).map((answer) => answer.json["pid"]);
  expect(new Set(pids).size).toBe(3);
  await untilState(host, "frozen", 3);
});

test("between invocations the process is stopped, and goes on with the next one", async () => {
  const host = await testHost();
  const ticks = scratchFile("ticks");
  const others = scratchFile("others");
  await host.invoke("ticking", { ticks });
  const [pid = 0] = await untilState(host, "frozen");
  await untilProcess(pid, "stopped");
  const frozenAt = sizeOf(ticks);

  // Time passes: another process with the same interval gets its turns.
  await host.invoke("tickingForever", { ticks: others }, "Event");
  await until(() => expect(sizeOf(others)).toBeGreaterThan(50));
  expect(sizeOf(ticks)).toBe(frozenAt);

  const again = await host.invoke("ticking", { ticks: scratchFile("more") });
  expect(again.json["pid"]).toBe(pid);
  expect(host.invocationCounts()).toMatchObject({ success: 2, running: 1 });
});

test("an idle environment is ended after a while", async () => {
  const host = await testHost({ idleTimeoutMs: 20 });
  const { json } = await host.invoke("echo", {});
  await until(() => expect(host.environments()).toEqual([]));
  await untilProcess(Number(json["pid"]), "gone");
  expect((await host.invoke("echo", {})).json["pid"]).not.toBe(json["pid"]);
});

test("close ends busy, suspended, starting and frozen environments, and frees the port", async () => {
  const host = await testHost();
  const ticks = scratchFile("ticks");
  await host.invoke("echo", {});
  await host.invoke("tickingForever", { ticks }, "Event");
  await host.invoke("forever", {}, "Event");
  await until(() => expect(host.environments()).toHaveLength(3));
  await untilState(host, "busy", 2);
  host.faults.freeze(({ functionName }) => functionName === "forever");
  // Its caller gets an answer or a cut connection, whichever is first.
  const caller = host.invoke("gated", { gate: "/nowhere" }).catch(() => {});
  await until(() => expect(host.environments()).toHaveLength(4));
  const pids = [...host.pids];
  expect(pids).toHaveLength(4);

  await host.close();
  expect(pids.map(processState)).toEqual(["gone", "gone", "gone", "gone"]);
  expect(host.environments()).toEqual([]);
  expect(host.invocationCounts()).toMatchObject({ success: 1, running: 0, queued: 0 });
  await caller;
  const { port } = new URL(host.url);
  const error: unknown = await once(connect(Number(port), "127.0.0.1"), "connect").catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "ECONNREFUSED" });
});

test("close can be called at any time, more than once", async () => {
  const host = await testHost();
  await host.invoke("echo", {}, "Event");
  await Promise.all([host.close(), host.close()]);
  await host.close();
  expect([...host.pids].filter((pid) => processState(pid) !== "gone")).toEqual([]);
});

test("every child is reported when it starts and when it has ended", async () => {
  const reports: string[] = [];
  const host = await testHost({ onChildPid: (pid, state) => reports.push(`${pid} ${state}`) });
  const { json } = await host.invoke("echo", {});
  await host.close();
  expect(reports).toEqual([`${Number(json["pid"])} started`, `${Number(json["pid"])} ended`]);
});

test("lines of a child are logged with its function's name", async () => {
  const lines: string[] = [];
  const host = await testHost({ log: (line) => lines.push(line) });
  await host.invoke("failing", {});
  await until(() => expect(lines.join("\n")).toMatch(/^\[failing\] .*Invoke Error.*no such luck/m));
});

test("a function name that AWS would not take is refused", async () => {
  const refused = refusalOf(testHost({ functions: { "a b": { taskRoot: fixtures, handler: "index.echo" } } }));
  expect((await refused).message).toBe('Cannot start the Lambda host: "a b" is not a function name');
});

test("a closed host keeps nothing that holds its process", async () => {
  const program = startProgram("close");
  expect(await once(program, "exit")).toEqual([0, null]);
});

test("a busy child ends when the host is killed", async () => {
  const program = startProgram("stay");
  const pid = await new Promise<number>((resolve) => {
    program.stdout.setEncoding("utf8").once("data", (line: string) => resolve(Number(line)));
  });
  onTestFinished(() => {
    if (processState(pid) !== "gone") process.kill(pid, "SIGKILL");
  });
  expect(processState(pid)).toBe("running");
  program.kill("SIGKILL");
  await untilProcess(pid, "gone");
});

function startProgram(mode: "close" | "stay"): ChildProcessByStdio<null, Readable, null> {
  const program = spawn(process.execPath, [join(fixtures, "program.mjs"), mode], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => {
    program.kill("SIGKILL");
  });
  return program;
}
