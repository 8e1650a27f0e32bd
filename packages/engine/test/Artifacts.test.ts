import { assert, describe, it } from "@effect/vitest"
import * as Artifact from "@fermata/core/Artifact"
import { ArtifactDamaged } from "@fermata/core/RunsErrors"
import * as SecretRef from "@fermata/core/SecretRef"
import * as CrashExplorer from "@fermata/testing/CrashExplorer"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Cause, Effect, Exit, Layer, Option, Redacted, Schedule, Schema } from "effect"
import { createHash } from "node:crypto"
import { Runs } from "../src/Runs.ts"
import * as Secrets from "../src/Secrets.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { begin, define, exitOf, giveWay, Log } from "./support/Program.ts"

const W = define("W")
const Go = Signal.make("go")

const verbs = (host: CrashHost.Host) => host.use(Effect.provide(Runs, Runs.layer))
const bytes = (text: string) => new TextEncoder().encode(text)
const text = ({ content }: { readonly content: Uint8Array }) => new TextDecoder().decode(content)
const hashOf = (content: Uint8Array | string) => createHash("sha256").update(content).digest("hex")

/** Bytes that are no text. */
const image = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0, 255, 254, 1, 2, 3])

/** What the entries of a run say that is kept. */
const said = (world: CrashHost.World, id: string) =>
  Effect.map(
    world.journal(id),
    (entries) =>
      entries.flatMap((entry) =>
        "artifacts" in entry ? [[entry._tag, ...entry.artifacts!.map(({ name }) => name)].join(" ")] : []
      )
  )

/** A world with a run of this body, which has come to its end or a wait. */
const life = Effect.fnUntraced(function*<E>(workflows: Layer.Layer<never, E, CrashHost.Services>) {
  const world = yield* CrashHost.make
  const host = yield* world.start(workflows)
  const id = yield* begin(host, W)
  return { world, host, id, runs: yield* verbs(host) }
})

/** A step of this body, under the name `work`. What it is refused is its defect. */
const keeping = (
  run: (context: Step.StepContext) => Effect.Effect<void, Step.ArtifactRefused | string>,
  retry = false
) => {
  const step = Step.make("work", {
    error: Schema.String,
    onCrash: "rerun",
    ...(retry ? { retry: Schedule.recurs(1) } : {}),
    run: (_, context) => Effect.catchTag(run(context), "ArtifactRefused", Effect.die)
  })
  return () => Effect.orDie(step())
}

describe("StepContext.keep", () => {
  it.effect("gives a reference at once, which the outcome may hold, and the bytes are stored with the outcome and not before", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const stored: Array<number> = []
      const step = Step.make("report", {
        success: Artifact.Artifact,
        onCrash: "rerun",
        run: Effect.fnUntraced(function*(_, { keep }) {
          const artifact = yield* Effect.orDie(keep("a long report", { name: "report.txt" }))
          stored.push(world.store.blobs.size)
          yield* Effect.yieldNow
          stored.push(world.store.blobs.size)
          return artifact
        })
      })
      const host = yield* world.start(W.toLayer(() => step()))
      const id = yield* begin(host, W)
      const runs = yield* verbs(host)
      const reference = { hash: hashOf("a long report"), bytes: 13, mediaType: "text/plain", name: "report.txt" }
      assert.deepStrictEqual(yield* exitOf(host, W, id), Exit.succeed(reference))
      assert.deepStrictEqual(stored, [0, 0])
      const entries = yield* world.journal(id)
      const outcome = entries.find((entry) => entry._tag === "StepCompleted")
      assert.deepStrictEqual(outcome?.artifacts, [reference])
      assert.deepStrictEqual((yield* runs.show(id)).steps[0]!.artifacts, [reference])
      assert.deepStrictEqual(yield* runs.artifacts(id), [{ step: "report", ...reference }])
      const found = yield* runs.artifact(id, reference.hash)
      assert.strictEqual(text(found), "a long report")
      assert.deepStrictEqual({ ...found, content: undefined }, { step: "report", ...reference, content: undefined })
    }))

  it.effect("a later step reads what an earlier one has kept, and is told of what is not there", () =>
    Effect.gen(function*() {
      const make = Step.make("make", {
        success: Artifact.Artifact,
        onCrash: "rerun",
        run: (_, { keep }) => Effect.orDie(keep(image, { mediaType: "image/png" }))
      })
      const look = Step.make("look", {
        input: { artifact: Artifact.Artifact },
        success: Schema.Array(Schema.Int),
        error: Schema.String,
        onCrash: "rerun",
        run: ({ artifact }, { kept }) =>
          Effect.map(Effect.mapError(kept(artifact), ({ message }) => message), (content) => [...content])
      })
      const { host, id } = yield* life(W.toLayer(() =>
        Effect.gen(function*() {
          const artifact = yield* make()
          const found = yield* Effect.orDie(look({ artifact }))
          const missing = yield* Effect.orDie(Effect.flip(look({ artifact: { ...artifact, hash: "0".repeat(64) } })))
          return { found, missing }
        })
      ))
      assert.deepStrictEqual(
        yield* exitOf(host, W, id),
        Exit.succeed({
          found: [...image],
          missing: `Artifact ${"0".repeat(64)} of run ${id} cannot be read: its bytes are missing`
        })
      )
    }))

  it.effect("a step that keeps nothing has no field, no blob and no entry more", () =>
    Effect.gen(function*() {
      const { id, runs, world } = yield* life(W.toLayer(() => keeping(() => Effect.void)()))
      assert.isFalse((yield* world.journal(id)).some((entry) => "artifacts" in entry))
      assert.strictEqual(world.store.blobs.size, 0)
      assert.isFalse("artifacts" in (yield* runs.show(id)).steps[0]!)
      assert.deepStrictEqual(yield* runs.artifacts(id), [])
    }))

  it.effect("equal content is stored once, whoever keeps it and in which form", () =>
    Effect.gen(function*() {
      const step = keeping(({ keep }) =>
        Effect.gen(function*() {
          const first = yield* keep("the same", { name: "a" })
          assert.strictEqual(yield* keep("the same", { name: "a" }), first)
          yield* keep(bytes("the same"), { name: "b" })
        })
      )
      const { id, runs, world } = yield* life(W.toLayer(() =>
        Effect.all([
          step(),
          Step.make("other", {
            onCrash: "rerun",
            run: (_, { keep }) => Effect.asVoid(Effect.orDie(keep("the same")))
          })()
        ])
      ))
      assert.deepStrictEqual(
        (yield* runs.artifacts(id)).map(({ mediaType, name, step }) => [step, name, mediaType]),
        [["work", "a", "text/plain"], ["work", "b", "application/octet-stream"], ["other", undefined, "text/plain"]]
      )
      assert.deepStrictEqual([...world.store.blobs], [[hashOf("the same"), "the same"]])
    }))

  it.effect("any bytes come back as they were given, although the body goes on to change them", () =>
    Effect.gen(function*() {
      const given = [
        image,
        new Uint8Array(0),
        bytes("\uFEFFwith a mark of order, \u0000 and 𝄐"),
        Uint8Array.from({ length: 100_000 }, (_, index) => index * 31 % 256),
        new TextEncoder().encode(btoa("looks like base64")),
        image.subarray(2, 5)
      ]
      const step = keeping(({ keep }) =>
        Effect.forEach(given, (each, index) => {
          const mine = new Uint8Array(each)
          return Effect.map(keep(mine, { name: `${index}` }), () => void mine.fill(7))
        }, { discard: true })
      )
      const { id, runs } = yield* life(W.toLayer(() => step()))
      for (const [index, each] of given.entries()) {
        const { content, hash } = yield* runs.artifact(id, `${index}`)
        assert.deepStrictEqual(content, new Uint8Array(each))
        assert.strictEqual(hash, hashOf(each))
      }
    }))

  it.effect("half of a character in a text is U+FFFD, as everywhere where texts become bytes", () =>
    Effect.gen(function*() {
      const step = keeping(({ keep }) => Effect.asVoid(keep("Ada 😀".slice(0, 5), { name: "half" })))
      const { id, runs } = yield* life(W.toLayer(() => step()))
      assert.strictEqual(text(yield* runs.artifact(id, "half")), "Ada \uFFFD")
    }))

  it.effect("an attempt that fails for good keeps, and one that another follows does not", () =>
    Effect.gen(function*() {
      const step = keeping(
        ({ attempt, keep }) =>
          Effect.andThen(keep(`log of attempt ${attempt}`, { name: `log-${attempt}` }), Effect.fail("broken")),
        true
      )
      const { id, runs, world } = yield* life(W.toLayer(() => Effect.exit(step())))
      assert.deepStrictEqual(yield* said(world, id), ["StepFailed log-2"])
      assert.deepStrictEqual([...world.store.blobs.values()], ["log of attempt 2"])
      assert.strictEqual(text(yield* runs.artifact(id, "log-2")), "log of attempt 2")
    }))

  it.effect("a body that dies keeps what it has kept by then", () =>
    Effect.gen(function*() {
      const step = keeping(({ keep }) => Effect.andThen(keep("so far", { name: "log" }), Effect.die(new Error("no"))))
      const { id, world } = yield* life(W.toLayer(() => Effect.exit(step())))
      assert.deepStrictEqual(yield* said(world, id), ["StepFailed log"])
    }))

  it.effect("a probe that finds the step done keeps with that, and one that does not keeps nothing", () =>
    Effect.gen(function*() {
      for (const done of [true, false]) {
        const world = yield* CrashHost.make
        const log = new Log()
        const step = Step.make("work", {
          onCrash: "probe",
          probe: (_, { keep }) =>
            Effect.as(
              Effect.orDie(keep("what was found", { name: "found" })),
              done ? Option.some(undefined) : Option.none()
            ),
          run: () =>
            Effect.andThen(log.add("body"), Effect.suspend(() => log.count("body") === 1 ? Effect.never : Effect.void))
        })
        const layer = W.toLayer(() => step())
        const host = yield* world.start(layer)
        const id = yield* begin(host, W)
        yield* world.restart(host, layer)
        assert.deepStrictEqual(yield* said(world, id), done ? ["StepCompleted found"] : [])
        assert.deepStrictEqual([...world.store.blobs.values()], done ? ["what was found"] : [])
        assert.strictEqual((yield* world.run(id)).status, "completed")
      }
    }))

  it.effect("a step that commits together keeps in that transaction, and one that the store undoes keeps nothing", () =>
    Effect.gen(function*() {
      const step = Step.make("seat", {
        onCrash: "commit-together",
        run: (_, { keep }) => Effect.asVoid(Effect.orDie(keep("a ticket", { name: "ticket" })))
      })
      const waits = Step.make("waits", {
        onCrash: "commit-together",
        run: (_, { keep }) =>
          Effect.andThen(Effect.orDie(keep("nothing of it")), Effect.promise(() => Promise.resolve()))
      })
      const { id, runs, world } = yield* life(
        W.toLayer(() => Effect.andThen(step(), Effect.exit(waits())))
      )
      assert.strictEqual(text(yield* runs.artifact(id, "ticket")), "a ticket")
      assert.deepStrictEqual(yield* said(world, id), ["StepCompleted ticket", "StepFailed "])
    }))

  it.effect("a crash before the outcome leaves nothing, at every write; a step inside a step keeps with its own outcome", () =>
    Effect.gen(function*() {
      const inner = Step.make("inner", {
        onCrash: "rerun",
        run: (_, { keep }) => Effect.asVoid(Effect.orDie(keep("of the inner one", { name: "inner" })))
      })
      const outer = Step.make("outer", {
        onCrash: "rerun",
        run: Effect.fnUntraced(function*(_, { keep }) {
          yield* Effect.orDie(keep(image, { name: "outer", mediaType: "image/png" }))
          yield* inner()
          yield* giveWay(3)
        })
      })
      const report = yield* CrashExplorer.explore({
        workflows: () => W.toLayer(() => Effect.andThen(outer(), outer())),
        drive: (host) => begin(host, W),
        outside: (world) =>
          Effect.gen(function*() {
            const named = new Set<string>()
            const { store } = world as CrashHost.MemoryWorld
            for (const id of store.runs.keys()) {
              for (const entry of yield* world.journal(id)) {
                if ("artifacts" in entry) { for (const { hash } of entry.artifacts!) named.add(hash) }
              }
            }
            assert.deepStrictEqual([...store.blobs.keys()].filter((hash) => !named.has(hash)), [])
            return named.size
          })
      })
      assert.isAbove(report.crashes, 5)
    }))

  it.effect("what no step may have is refused or dies, and what comes behind the end dies", () =>
    Effect.gen(function*() {
      const log = new Log()
      const told = <A, E>(effect: Effect.Effect<A, E>) =>
        Effect.flatMap(
          Effect.exit(effect),
          (exit) => log.add(Exit.isFailure(exit) ? (Cause.squash(exit.cause) as Error).message : "kept")
        )
      let late: Step.StepContext | undefined
      const { count, bytes: most, bytesOfStep } = Step.artifactLimits
      const big = "x".repeat(most)
      const many = keeping(({ keep }) =>
        Effect.gen(function*() {
          for (let index = 0; index < count; index++) yield* keep(`${index}`)
          yield* told(keep("0"))
          yield* told(keep("one more", { name: "last" }))
        })
      )
      const large = Step.make("large", {
        onCrash: "rerun",
        run: (_, context) =>
          Effect.gen(function*() {
            late = context
            yield* told(context.keep(`${big}y`, { name: "big" }))
            for (let index = 0; index < bytesOfStep / most; index++) {
              yield* told(context.keep(`${index}${big.slice(1)}`))
            }
            yield* told(context.keep("a drop", { name: "drop" }))
            yield* told(context.keep("0" + big.slice(1), { name: "again" }))
            yield* told(context.keep("x", { mediaType: "text" }))
            yield* told(context.keep("x", { name: "two\nlines" }))
            yield* told(context.keep("x", { name: "" }))
          })
      })
      const { id, world } = yield* life(W.toLayer(() => Effect.andThen(many(), large())))
      yield* told(late!.keep("late"))
      assert.deepStrictEqual(log.entries, [
        "kept",
        "Step \"work\" cannot keep artifact \"last\": the step keeps 100 already. Put it where such files belong, and keep its address",
        "Step \"large\" cannot keep artifact \"big\": it has 16777217 bytes, of 16777216 at most. Put it where such files belong, and keep its address",
        "kept",
        "kept",
        "kept",
        "kept",
        "Step \"large\" cannot keep artifact \"drop\": with it the step keeps 67108870 bytes, of 67108864 at most. Put it where such files belong, and keep its address",
        "kept",
        "Step \"large\" keeps an artifact under \"text\", which is no media type: one is such as text/plain, of 200 characters at most",
        "Step \"large\" keeps an artifact under \"two\\nlines\", which is no name: one has 1 to 200 characters in one line",
        "Step \"large\" keeps an artifact under \"\", which is no name: one has 1 to 200 characters in one line",
        "An attempt of step \"large\" can keep nothing more: it has ended, and its outcome is recorded: keep before the body ends"
      ])
      assert.strictEqual((yield* world.run(id)).status, "completed")
      assert.strictEqual(world.store.blobs.size, count + 4)
    }))

  it.effect("S15: what the attempt was told of secrets is cut out of texts, names and bytes that are text", () =>
    Effect.gen(function*() {
      const key = "sk-live-4eC39HqLyjWDarjtT1zdp7dc"
      const step = keeping(({ keep }) =>
        Effect.gen(function*() {
          const secret = Redacted.value(yield* Effect.orDie(Secrets.resolve(SecretRef.make("KEY"))))
          const reference = yield* keep(`Authorization: Bearer ${secret}`, { name: `log of ${secret}` })
          assert.strictEqual(reference.name, "log of [secret KEY]")
          yield* keep(bytes(`{"key":"${secret}"}`), { name: "json", mediaType: "application/json" })
          yield* keep(Uint8Array.from([255, ...bytes("no text")]), { name: "bytes" })
        })
      )
      const { id, runs, world } = yield* life(
        W.toLayer(() => step()).pipe(Layer.provide(Secrets.layerMemory({ KEY: key })))
      )
      assert.strictEqual(text(yield* runs.artifact(id, "log of [secret KEY]")), "Authorization: Bearer [secret KEY]")
      assert.strictEqual(text(yield* runs.artifact(id, "json")), "{\"key\":\"[secret KEY]\"}")
      assert.strictEqual((yield* runs.artifact(id, "bytes")).content[0], 255)
      assert.notInclude(JSON.stringify([...world.store.blobs, yield* world.rows(id)]), key)
    }))

  it.effect("a later step reads what an earlier one has kept, in another process too", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const write = Step.make("write", {
        success: Artifact.Artifact,
        onCrash: "rerun",
        run: (_, { keep }) => Effect.orDie(keep("ten pages"))
      })
      const layer = W.toLayer((_, run) =>
        Effect.gen(function*() {
          const { hash } = yield* write()
          yield* Signal.receive(Go)
          return yield* Step.make("read", {
            success: Schema.String,
            onCrash: "rerun",
            run: () => Effect.orDie(Effect.flatMap(Runs, (runs) => Effect.map(runs.artifact(run, hash), text)))
          })()
        })
      ).pipe(Layer.provide(Runs.layer))
      const host = yield* world.start(layer)
      const id = yield* begin(host, W)
      const other = yield* world.restart(host, layer)
      yield* world.tell(id, "signal", { name: "go", payload: null })
      assert.deepStrictEqual(yield* exitOf(other, W, id), Exit.succeed("ten pages"))
    }))
})

describe("Runs.artifact", () => {
  const step = keeping(({ keep }) =>
    Effect.gen(function*() {
      yield* keep("one", { name: "log" })
      yield* keep("two", { name: "log" })
      yield* keep("three", { name: "notes" })
    })
  )
  const twice = W.toLayer(() => Effect.andThen(step(), step()))

  it.effect("finds one by its hash, its name or the beginning of its hash, and says what there is", () =>
    Effect.gen(function*() {
      const { id, runs } = yield* life(twice)
      const hash = hashOf("three")
      for (const meant of [hash, "notes", hash.slice(0, 4)]) {
        assert.strictEqual(text(yield* runs.artifact(id.slice(0, 8), meant)), "three", "two steps keep the same")
      }
      const messages = yield* Effect.forEach(
        ["log", "nothing", hash.slice(0, 3)],
        (meant) => Effect.map(Effect.flip(runs.artifact(id, meant)), (error) => [error._tag, error.message] as const)
      )
      const known = ["one", "two", "three"].map((each, index) =>
        `${index === 2 ? "notes" : "log"} (${hashOf(each).slice(0, 12)})`
      )
      const all = [...known, ...known].join(", ")
      assert.deepStrictEqual(messages, [
        [
          "ArtifactAmbiguous",
          `Run ${id} keeps several artifacts "log": name one of the hashes ${hashOf("one")}, ${hashOf("two")}`
        ],
        ["ArtifactNotFound", `Run ${id} keeps no artifact "nothing"; it keeps ${all}`],
        ["ArtifactNotFound", `Run ${id} keeps no artifact "${hash.slice(0, 3)}"; it keeps ${all}`]
      ])
      assert.deepInclude(yield* Effect.flip(runs.artifact("nobody", "log")), { _tag: "RunNotFound" })
    }))

  it.effect("one of another run is none of this one, also where the store has it", () =>
    Effect.gen(function*() {
      const Bare = define("Bare")
      const { host, id, runs } = yield* life(Layer.merge(twice, Bare.toLayer(() => Effect.void)))
      const bare = yield* begin(host, Bare)
      assert.strictEqual((yield* runs.artifact(id, hashOf("one"))).bytes, 3)
      const refused = yield* Effect.flip(runs.artifact(bare, hashOf("one")))
      assert.strictEqual(refused.message, `Run ${bare} keeps no artifact "${hashOf("one")}"; it keeps none`)
    }))

  it.effect("bytes that are gone, or that are others, are told and not given", () =>
    Effect.gen(function*() {
      const { id, runs, world } = yield* life(twice)
      const hash = hashOf("three")
      world.store.blobs.set(hash, "other")
      assert.deepStrictEqual(
        yield* Effect.flip(runs.artifact(id, hash)),
        new ArtifactDamaged({ runId: id, hash, problem: "damaged" })
      )
      world.store.blobs.delete(hash)
      const missing = yield* Effect.flip(runs.artifact(id, hash))
      assert.strictEqual(missing.message, `Artifact ${hash} of run ${id} cannot be read: its bytes are missing`)
    }))

  it.effect("a fork has what it shares, and not what is replaced", () =>
    Effect.gen(function*() {
      const next = Step.make("next", { onCrash: "rerun", run: () => Effect.void })
      const { host, id, runs } = yield* life(W.toLayer(() => Effect.andThen(step(), next())))
      const { runId } = yield* runs.fork(id, { at: "next", by: "ada" })
      yield* host.settled
      assert.deepStrictEqual(yield* runs.artifacts(runId), yield* runs.artifacts(id))
      assert.strictEqual(text(yield* runs.artifact(runId, "notes")), "three")
      const replaced = yield* runs.fork(id, { at: "next", by: "ada", set: { work: null } })
      yield* host.settled
      assert.deepStrictEqual(yield* runs.artifacts(replaced.runId), [])
      const { parting } = yield* runs.diff(id, runId)
      assert.isUndefined(parting)
    }))
})
