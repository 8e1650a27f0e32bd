/** A process that says the numbers from 0 on as the step of entry 4 of run "r", until it is killed. */
import { Chunks } from "@fermata/engine/Chunks"
import * as Effect from "effect/Effect"
import * as SqliteBackend from "../../src/SqliteBackend.ts"

await Effect.gen(function*() {
  const { chunks: backend } = yield* SqliteBackend.make({ file: process.argv[2]! })
  const chunks = yield* Chunks.make(backend)
  const { write } = yield* chunks.writer("r", 4)
  for (let n = 0;; n++) {
    yield* write(n)
    if (n % 20 === 0) yield* Effect.sleep("1 millis")
  }
}).pipe(Effect.scoped, Effect.runPromise)
