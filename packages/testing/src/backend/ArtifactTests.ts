/** Conformance: what steps keep is stored with their outcomes, or not at all. */
import { assert, it } from "@effect/vitest"
import * as Step from "@fermata/engine/Step"
import { Store } from "@fermata/engine/Store"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Workflow from "effect/workflow/Workflow"
import * as CrashExplorer from "../CrashExplorer.ts"
import * as CrashHost from "../CrashHost.ts"
import { commit, type MakeStore, one, startOwned, withBackend } from "./Fixtures.ts"

/** The tests of artifacts. */
export const artifactTests = (make: MakeStore): void => {
  const test = withBackend(make)

  test("a blob of any text comes back as it was", (backend, connect) =>
    Effect.gen(function*() {
      const texts = [
        "",
        "a\u0000b",
        "\uFEFFmarked",
        "\uFDD0\uFDD1",
        "𝄐 \n\r\n\t'\"",
        "/+A=",
        "01234567é".repeat(300_000)
      ]
      const blobs = texts.map((data, index) => ({ hash: `h${index}`, data }))
      yield* backend.write([startOwned("r"), commit("r", 0, ["e0"], { blobs })])
      const other = yield* connect
      for (const { data, hash } of blobs) assert.isTrue((yield* other.blob(hash)) === data, hash)
    }))

  test("a commit that is refused or undone stores no blob", (backend) =>
    Effect.gen(function*() {
      const blobs = [{ hash: "h", data: "d" }]
      yield* backend.write([startOwned("r")])
      yield* one(backend, commit("r", 0, ["e0"], { blobs, epoch: 2 }))
      yield* one(backend, commit("r", 1, ["e0"], { blobs }))
      yield* one(backend, commit("nobody", 0, ["e0"], { blobs }))
      if (backend.supports.together) yield* one(backend, commit("r", 0, [], { blobs, together: () => null }))
      assert.isNull(yield* backend.blob("h"))
    }))

  it.effect("S1: what a step keeps is there with its outcome and not before, whatever the write at which its process dies", () =>
    Effect.gen(function*() {
      let tries: Array<Try> = []
      const { crashes } = yield* CrashExplorer.explore({
        world: Effect.flatMap(make, ({ connect }) => Effect.flatMap(connect, CrashHost.makeOn)),
        workflows: ({ backend }) => {
          tries = []
          const keep = Step.make("keep", {
            input: Schema.Int,
            onCrash: "rerun",
            run: Effect.fnUntraced(function*(number, { entry, keep }) {
              // Of each try another, so that it shows which of them the store has.
              for (const content of [`try ${entry} of ${number}`, Uint8Array.of(0xff, number, entry)]) {
                const { hash } = yield* Effect.orDie(keep(content))
                const early = yield* Effect.orDie(backend.blob(hash))
                tries.push({ hash, content, early })
              }
            })
          })
          return Keep.toLayer(() => Effect.andThen(keep(1), keep(2)))
        },
        drive: (host) => Effect.andThen(host.use(Keep.execute({}, { discard: true })), host.settled),
        outside: Effect.fnUntraced(function*({ backend, journal }) {
          const store = Store.make(backend)
          const named = new Set<string>()
          for (const { id } of yield* backend.runs({ limit: 10 })) {
            for (const entry of yield* journal(id)) {
              if (entry._tag === "StepCompleted") { for (const { hash } of entry.artifacts ?? []) named.add(hash) }
            }
          }
          for (const { content, early, hash } of tries) {
            assert.isNull(early)
            const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content
            assert.deepStrictEqual(yield* store.artifact(hash), named.has(hash) ? bytes : "missing")
          }
          return named.size
        })
      })
      assert.isAbove(crashes, 4)
    }))
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

interface Try {
  readonly hash: string
  readonly content: string | Uint8Array
  /** What the store had under the hash as the body was at work. */
  readonly early: string | null
}

const Keep = Workflow.make("keep", { payload: {}, idempotencyKey: () => "only" })
