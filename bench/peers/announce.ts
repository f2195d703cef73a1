/** Owns what a peer's server and the contender that started it say to one another: where it listens, and that it shall end. */

/** @param pids The processes whose CPU time and memory are the peer's. */
export function announce(port: number, pids: readonly number[]): void {
  process.stdout.write(`listening ${port} ${pids.join(",")}\n`);
}

/** Something this machine does not have, in a word. */
export function announceMissing(what: string): void {
  process.stdout.write(`missing ${what}\n`);
}

/** The input ends when the process that started this one does, however that ends. */
export function endWithInput(close: () => void | Promise<void>): void {
  process.stdin.on("end", () => {
    Promise.resolve(close()).then(
      () => process.exit(0),
      () => process.exit(1),
    );
  });
  process.stdin.resume();
}
