import { assert, describe, it } from "@effect/vitest"
import * as Position from "@fermata/core/Position"
import { type Chunk, Chunks } from "@fermata/engine/Chunks"
import { Effect, Stream } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as SqliteBackend from "../src/SqliteBackend.ts"
import * as TempFolder from "./support/TempFolder.ts"

const speaker = fileURLToPath(new URL("support/Speaker.ts", import.meta.url))

/** Whether these are the first so many numbers of entry 4, each in its place. */
const assertFirst = (chunks: ReadonlyArray<Chunk>) => {
  for (const [index, { cut, position, value }] of chunks.entries()) {
    assert.deepStrictEqual({ cut, place: Position.print(position), value }, {
      cut: undefined,
      place: `4.${index}`,
      value: index
    })
  }
}

describe("chunks in a SQLite file", () => {
  it.live("are seen from another process while they are said, and a kill between two rows leaves their first part", () =>
    Effect.gen(function*() {
      const file = join(yield* TempFolder.make, "fermata.db")
      const { chunks: backend } = yield* SqliteBackend.make({ file })
      const chunks = yield* Chunks.make(backend)
      const child = yield* Effect.acquireRelease(
        Effect.sync(() => spawn(process.execPath, [speaker, file], { stdio: ["ignore", "ignore", "inherit"] })),
        (child) => Effect.sync(() => child.kill("SIGKILL"))
      )
      const seen = yield* Stream.runCollect(Stream.take(chunks.follow("r"), 2_000))
      assertFirst(seen)
      const dead = once(child, "exit")
      child.kill("SIGKILL")
      yield* Effect.promise(() => dead)

      const left = yield* chunks.read("r")
      assert.isAtLeast(left.length, seen.length)
      assertFirst(left)
      const rows = yield* backend.rows("r", 4, 0, 10_000)
      assert.isAtMost(rows.length, left.length / 10)

      // The next process says the next try of the step, and a reader goes on from where it stopped.
      const next = yield* Chunks.make((yield* SqliteBackend.make({ file })).chunks)
      yield* next.append("r", 9, ["again"])
      const rest = yield* chunks.read("r", seen.at(-1)!.position)
      assertFirst([...seen, ...rest.slice(0, -1)])
      assert.deepStrictEqual(rest.at(-1), { position: { seq: 9, chunk: 0 }, value: "again" })
    }))
})
