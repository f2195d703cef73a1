/** Owns what a server of resumable-stream has in its own process: the source of a stream, and the stream of its first reader. */

import type { Intake } from "./intake.ts";

/** What the package reads from. A batch is done when the package asks for the next: it has been published then. */
export class Source implements Intake {
  #asked = Promise.withResolvers<void>();
  #controller: ReadableStreamDefaultController<string> | undefined;
  readonly stream = new ReadableStream<string>(
    {
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#asked.resolve(),
    },
    { highWaterMark: 0 },
  );

  async append(events: readonly string[]): Promise<void> {
    await this.#asked.promise;
    this.#asked = Promise.withResolvers();
    this.#controller?.enqueue(events.map((event) => `data: ${event}\n\n`).join(""));
    await this.#asked.promise;
  }
}

/**
 * The stream that the package gives to the request that made it, without Redis on the way. A reader that is there before the
 * first event is that request; for later ones it is cancelled, as by a client that left, lest it keep all events once more.
 */
export class Originals {
  readonly #streams = new Map<string, ReadableStream<string>>();

  keep(name: string, stream: ReadableStream<string>, source: Source): Intake {
    this.#streams.set(name, stream);
    return {
      append: async (events) => {
        await this.take(name)?.cancel();
        await source.append(events);
      },
    };
  }

  take(name: string): ReadableStream<string> | undefined {
    const stream = this.#streams.get(name);
    this.#streams.delete(name);
    return stream;
  }
}
