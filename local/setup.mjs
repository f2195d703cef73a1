/**
 * Owns set-up on a fresh clone: packages, a current Node, local secrets and, with --browser, a Chromium. Plain
 * JavaScript on Node 20, since nothing is installed when it runs. Does nothing, quickly, when all is there.
 */

import { execFileSync, spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const rootDir = fileURLToPath(new URL("..", import.meta.url));
const stampFile = join(rootDir, "node_modules", ".longstream-setup");
const nodeBinary = join(rootDir, "node_modules", ".bin", "node");
const leastNodeMajor = 20;

try {
  checkNode();
  installPackages();
  writeSecrets();
  if (process.argv.includes("--browser")) installBrowser();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

function checkNode() {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < leastNodeMajor) throw new Error(`Cannot set up: Node ${process.versions.node} is too old; install Node ${leastNodeMajor} or later`);
}

function installPackages() {
  const wanted = createHash("sha256").update(readFileSync(join(rootDir, "package-lock.json"))).digest("hex");
  if (existsSync(nodeBinary) && existsSync(stampFile) && readFileSync(stampFile, "utf8") === wanted) return;
  say("installing packages (about a minute) ...");
  // Not "npm ci": it refuses a lockfile without the optional binaries of platforms whose registry did not offer them.
  // No install scripts: aws-lambda-ric's compiles C++ that is not used here. Node's own is the one that is needed.
  npm("install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error");
  say("fetching the Node that runs the tools ...");
  npm("rebuild", "node", "--ignore-scripts=false", "--loglevel=error");
  const version = execFileSync(nodeBinary, ["--version"], { encoding: "utf8" }).trim();
  writeFileSync(stampFile, wanted);
  say(`packages are there; tools run on Node ${version}`);
}

/** @param {string[]} args */
function npm(...args) {
  const { status, error } = spawnSync("npm", args, { cwd: rootDir, stdio: ["ignore", "inherit", "inherit"] });
  if (error !== undefined) throw new Error(`Cannot set up: npm does not start (${error.message}); install Node with npm`);
  if (status !== 0) throw new Error(`Cannot set up: "npm ${args.join(" ")}" failed with ${status}; its output above says why`);
}

function writeSecrets() {
  const file = join(rootDir, ".dev.vars");
  if (existsSync(file)) return;
  const secrets = [
    "# For this machine only; never commit it. The keys open nothing but the local Lambda host.",
    "AWS_ACCESS_KEY_ID=local",
    "AWS_SECRET_ACCESS_KEY=local-secret-access-key",
    `TICKET_SECRET=${randomBytes(32).toString("hex")}`,
  ];
  writeFileSync(file, `${secrets.join("\n")}\n`, { mode: 0o600 });
  say("made local secrets in .dev.vars");
}

/** Playwright's own build where it can be had; else the system's, by its package manager. */
function installBrowser() {
  const dir = join(rootDir, ".local");
  mkdirSync(dir, { recursive: true });
  if (findChromium() !== undefined) return;
  say("fetching a Chromium ...");
  const ways = [
    [nodeBinary, [join(rootDir, "node_modules", "playwright", "cli.js"), "install", "chromium"]],
    ["sh", ["-c", "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium"]],
  ];
  for (const [command, args] of ways) {
    spawnSync(command, args, { stdio: ["ignore", "inherit", "inherit"], timeout: 600_000 });
    if (findChromium() !== undefined) return;
  }
  throw new Error("Cannot set up the browser tests: no Chromium could be installed; install one and set CHROMIUM_PATH to it");
}

/** Playwright's own, or one on the machine. */
function findChromium() {
  const own = spawnSync(nodeBinary, ["-e", 'process.stdout.write(require("playwright").chromium.executablePath())'], { cwd: rootDir, encoding: "utf8" });
  const candidates = [process.env.CHROMIUM_PATH, own.stdout, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  return candidates.find((path) => path !== undefined && path !== "" && existsSync(path));
}

/** @param {string} text */
function say(text) {
  process.stdout.write(`Longstream: ${text}\n`);
}
