/**
 * Owns the installation of what the benchmark measures Longstream against: the packages of this folder's lockfile, and, with
 * --redis, Debian's Redis. Does nothing, quickly, when all is there. It fails where the packages cannot be had; without Redis
 * only the contender that needs it is left out.
 */

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const peersDir = fileURLToPath(new URL(".", import.meta.url));
const stampFile = join(peersDir, "node_modules", ".longstream-peers");

installPackages();
if (process.argv.includes("--redis")) installRedis();

function installPackages() {
  const wanted = createHash("sha256").update(readFileSync(join(peersDir, "package-lock.json"))).digest("hex");
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === wanted) return;
  say("installing the packages of the contenders (about 15 seconds, 130 MB) ...");
  // As in local/setup.mjs: not "npm ci", and no install scripts; lmdb's binary is a package of its own.
  const { status } = run("npm", "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error");
  if (status === 0) writeFileSync(stampFile, wanted);
  else {
    say(`cannot install them: npm ended with ${status}; its output above says why`);
    process.exitCode = 1;
  }
}

/** Of redis-tools, since it has the program; the package redis-server adds a service of the system, which nobody here wants. */
function installRedis() {
  if (existsSync("/usr/bin/redis-server") || existsSync("/usr/bin/redis-check-rdb")) return;
  if (process.getuid?.() !== 0) return say("cannot install Redis without being root; install redis-server by hand");
  say("installing Redis ...");
  const { status } = run("sh", "-c", "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq redis-tools");
  if (status !== 0) say("cannot install Redis; install redis-server by hand");
}

/**
 * @param {string} command
 * @param {string[]} args
 */
function run(command, ...args) {
  return spawnSync(command, args, { cwd: peersDir, stdio: ["ignore", "inherit", "inherit"] });
}

/** @param {string} text */
function say(text) {
  process.stdout.write(`Longstream: ${text}\n`);
}
