import { assert, describe, it } from "@effect/vitest"
import type { Changes } from "@fermata/engine/ChangeLog"
import { Feed } from "@fermata/engine/Feed"
import { brief, ids, one, start } from "@fermata/testing/backend/Fixtures"
import { Context, Effect, Fiber, Layer, Stream } from "effect"
import { spawn } from "node:child_process"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import * as NodeHost from "../src/NodeHost.ts"
import * as SqliteBackend from "../src/SqliteBackend.ts"
import * as TempFolder from "./support/TempFolder.ts"

const script = (name: string) => fileURLToPath(new URL(`support/${name}.ts`, import.meta.url))

/** A process of which the test reads lines and to which it says words; killed with the scope. */
const talk = (name: string, ...args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, [script(name), ...args], { stdio: ["pipe", "pipe", "inherit"] })),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  ).pipe(Effect.map((child) => {
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    return {
      say: (word: string) => Effect.sync(() => child.stdin.write(`${word}\n`)),
      hear: Effect.promise(() => lines.next().then((line) => line.value ?? "(it ended)"))
    }
  }))

/** Runs a process to its end and gives its exit code and what it complained about. */
const finish = (name: string, ...args: ReadonlyArray<string>) =>
  Effect.callback<{ readonly code: number | null; readonly complaint: string }>((resume) => {
    const child = spawn(process.execPath, [script(name), ...args], { stdio: ["ignore", "inherit", "pipe"] })
    let complaint = ""
    child.stderr.on("data", (chunk) => complaint += chunk)
    child.on("close", (code) => resume(Effect.succeed({ code, complaint })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

describe("a SQLite file shared by processes", () => {
  it.live("does not block the event loop while another process writes", () =>
    Effect.gen(function*() {
      const file = join(yield* TempFolder.make, "fermata.db")
      const backend = yield* SqliteBackend.make({ file })
      const other = yield* talk("Locker", file)
      assert.strictEqual(yield* other.hear, "locked")

      const happened: Array<string> = []
      const write = yield* one(backend, start("r")).pipe(
        Effect.tap(() => Effect.sync(() => happened.push("written"))),
        Effect.forkChild
      )
      yield* Effect.yieldNow
      for (let index = 0; index < 20; index++) {
        yield* other.say("ping")
        happened.push(yield* other.hear)
      }
      assert.deepStrictEqual(happened, Array.from({ length: 20 }, () => "pong"))
      assert.isNull(yield* backend.run("r"))

      yield* other.say("release")
      assert.strictEqual(yield* other.hear, "released")
      assert.isTrue((yield* Fiber.join(write)).started)
      assert.deepStrictEqual(ids(yield* backend.runs({ limit: 10 })), ["r"])
    }))

  it.live("takes the appends of 20 processes at once without an error", () =>
    Effect.gen(function*() {
      const file = join(yield* TempFolder.make, "fermata.db")
      const names = Array.from({ length: 20 }, (_, index) => `process-${index}`)
      const count = 10
      const ends = yield* Effect.forEach(names, (name) => finish("Appender", file, name, String(count)), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(ends, names.map(() => ({ code: 0, complaint: "" })))

      const backend = yield* SqliteBackend.make({ file })
      for (const name of names) {
        assert.deepStrictEqual(
          yield* backend.entries(name, 0, 100),
          Array.from({ length: count }, (_, index) => `${name}:${index}`)
        )
      }
      const told = ids(yield* backend.inbox("shared"))
      assert.strictEqual(told.length, names.length * count)
      for (const name of names) {
        assert.deepStrictEqual(
          told.filter((id) => id.startsWith(`${name}:`)),
          Array.from({ length: count }, (_, index) => `${name}:${index}`)
        )
      }
    }))

  it.live("S4: gives who reads while processes write all of it once, in the order in which it is stored", () =>
    Effect.gen(function*() {
      const file = join(yield* TempFolder.make, "fermata.db")
      const backend = yield* SqliteBackend.make({ file })
      const names = Array.from({ length: 4 }, (_, index) => `process-${index}`)
      const heard: Array<string> = []
      let position: string | null = null
      const read = Effect.gen(function*() {
        const { next, rows }: Changes = yield* backend.changes(position, 5)
        position = next
        heard.push(...rows.map(brief))
        return rows.length
      })
      let looks = 0
      const reading = Effect.andThen(
        read,
        Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))
      )
      yield* Effect.forEach(names, (name) => finish("Appender", file, name, "50"), { concurrency: "unbounded" }).pipe(
        Effect.raceFirst(Effect.forever(Effect.tap(reading, () => Effect.sync(() => looks++))))
      )
      while ((yield* read) > 0);
      const stored = (yield* backend.changes(null, 1_000)).rows.map(brief)
      assert.deepStrictEqual(heard, stored)
      for (const name of names) {
        assert.deepStrictEqual(
          heard.filter((line) => line.startsWith(`${name} `)),
          Array.from({ length: 50 }, (_, seq) => `${name} ${seq}: ${name}:${seq}`)
        )
      }
      assert.isAbove(looks, 1)
    }))

  it.live("S4: a follower hears what other processes commit, each once and in order", () =>
    Effect.gen(function*() {
      const file = join(yield* TempFolder.make, "fermata.db")
      const context = yield* Layer.build(
        Feed.layer.pipe(Layer.provideMerge(NodeHost.layer({ db: file, worker: false })))
      )
      const names = ["one", "two"]
      const heard: Array<string> = []
      const follower = yield* Effect.forkChild(
        Context.get(context, Feed).follow().pipe(
          Stream.tap(({ rows }) => Effect.sync(() => heard.push(...rows.map(brief)))),
          Stream.takeUntil(() => heard.length === 100),
          Stream.runDrain
        ),
        { startImmediately: true }
      )
      yield* Effect.forEach(names, (name) => finish("Appender", file, name, "50"), { concurrency: "unbounded" })
      yield* Fiber.join(follower)
      for (const name of names) {
        assert.deepStrictEqual(
          heard.filter((line) => line.startsWith(`${name} `)),
          Array.from({ length: 50 }, (_, seq) => `${name} ${seq}: ${name}:${seq}`)
        )
      }
    }).pipe(Effect.scoped))
})
