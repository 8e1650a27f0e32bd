import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Logger, Stream } from "effect"
import * as Approval from "../src/Approval.ts"
import { Runs } from "../src/Runs.ts"
import * as Signal from "../src/Signal.ts"
import { begin, define } from "./support/Program.ts"

const Go = Signal.make("go")
const W = define("W")
const layer = W.toLayer(() => Signal.receive(Go))

const verbs = <A, E>(host: CrashHost.Host, use: (runs: Runs["Service"]) => Effect.Effect<A, E>) =>
  host.use(Effect.provide(Runs.use(use), Runs.layer))

/** A world with three runs that wait; the row of the second is not as it was. */
const damaged = Effect.fnUntraced(function*(change: object) {
  const world = yield* CrashHost.make
  const host = yield* world.start(layer)
  const ids: Array<string> = []
  for (const id of ["a", "b", "c"]) ids.push(yield* begin(host, W, id))
  yield* host.evict
  yield* host.settled
  const run = world.store.runs.get(ids[1]!)!
  Object.assign(run, { row: { ...run.row, ...change } })
  return { world, host, ids }
})

describe("rows that cannot be read", () => {
  const damages = {
    "waits that are no JSON": [{ waits: "[{" }, "waits"],
    "waits of another shape": [{ waits: `[{"reason":"mood","key":"k"}]` }, "waits"],
    "a status that this build does not know": [{ status: "dreaming" }, "status"]
  } as const

  for (const [name, [change, key]] of Object.entries(damages)) {
    it.effect(`S14, S17: a run with ${name} is listed as corrupt, and the others as what they are`, () =>
      Effect.gen(function*() {
        const { host, ids } = yield* damaged(change)
        const listed = yield* verbs(host, (runs) => runs.list())
        assert.sameMembers(listed.map(({ id }) => id), ids)
        for (const run of listed) {
          assert.deepInclude(
            run,
            run.id === ids[1] ? { status: "suspended", reason: "corrupt" } : { status: "suspended", reason: "signal" }
          )
        }
        const [wait] = (yield* verbs(host, (runs) => runs.find(ids[1]!))).waits
        assert.deepInclude(wait, { reason: "corrupt", key })
        assert.isString(wait!.detail)
        assert.deepInclude(yield* verbs(host, (runs) => runs.show(ids[1]!)), { status: "suspended", reason: "corrupt" })
        const followed = yield* verbs(host, (runs) => Stream.runCollect(runs.follow(ids[1]!, { untilSuspended: true })))
        assert.strictEqual(Array.from(followed).at(-1)?.view.reason, "corrupt")
      }))
  }

  it.effect("S4, S17: nothing that the engine does by itself stops at one, and the run goes on when somebody sends what its journal waits for", () =>
    Effect.gen(function*() {
      for (const change of [damages["waits that are no JSON"][0], damages["waits of another shape"][0]]) {
        const { host, ids, world } = yield* damaged(change)
        const next = yield* world.restart(host, layer)
        assert.isTrue(yield* Effect.isSuccess(verbs(next, (runs) => runs.census)))
        for (const id of ids) yield* world.tell(id, "signal", { name: "go", payload: null })
        for (const id of ids) assert.strictEqual((yield* world.run(id)).status, "completed")
        yield* next.kill
      }
    }).pipe(Effect.provide(Logger.layer([]))))

  it.effect("S3, S17: a row of the inbox of a kind that this build does not know is refused in the journal, and one with another shape too", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(layer)
      const id = yield* begin(host, W)
      const row = { run: id, at: 0 }
      yield* world.backend.write([
        {
          op: "inbox",
          row: { ...row, id: "odd", kind: "dream", payload: JSON.stringify({ name: "go", payload: null }) }
        },
        { op: "inbox", row: { ...row, id: "bent", kind: "signal", payload: "{}" } }
      ])
      yield* world.look
      yield* world.tell(id, "signal", { name: "go", payload: null })
      assert.strictEqual((yield* world.run(id)).status, "completed")
      const refused = (yield* world.journal(id)).flatMap((entry) =>
        entry._tag === "MessageRefused" ? [[entry.id, entry.why, entry.text]] : []
      )
      assert.deepStrictEqual(refused, [
        ["odd", "unreadable", "inbox row odd of kind \"dream\" cannot be read"],
        ["bent", "unreadable", "inbox row bent of kind \"signal\" cannot be read"]
      ])
    }).pipe(Effect.provide(Logger.layer([]))))

  it.effect("S14, S17: a question with a row that cannot be read is listed as one that nobody may answer, and the others can be", () =>
    Effect.gen(function*() {
      for (const change of [{ approvers: "{" }, { question: "[]" }, { answers: "1" }]) {
        const world = yield* CrashHost.make
        const host = yield* world.start(
          W.toLayer(() => Effect.as(Effect.orDie(Approval.ask("ok", { prompt: "May we?", approvers: ["ada"] })), "yes"))
        )
        const ids: Array<string> = []
        for (const id of ["a", "b"]) ids.push(yield* begin(host, W, id))
        yield* host.settled
        const [key, ordered] = Array.from(world.store.approvals).find(([, { row }]) => row.run === ids[0])!
        world.store.approvals.set(key, { ...ordered, row: { ...ordered.row, ...change } })
        const open = yield* verbs(host, (runs) => runs.approvals())
        assert.sameMembers(open.map(({ runId }) => runId), ids)
        assert.deepInclude(open.find(({ runId }) => runId === ids[0]), { approvers: [], status: "open" })
        assert.match(open.find(({ runId }) => runId === ids[0])!.prompt, /^May we\? \(its row cannot be read/)
        assert.strictEqual(
          (yield* Effect.flip(verbs(host, (runs) => runs.answer(ids[0]!, { decision: "approve", by: "ada" }))))._tag,
          "ApprovalNotOpen"
        )
        yield* verbs(host, (runs) => runs.answer(ids[1]!, { decision: "approve", by: "ada" }))
        yield* host.settled
        assert.strictEqual((yield* world.run(ids[1]!)).status, "completed")
        yield* host.kill
      }
    }))

  it.effect("what a process says of itself that cannot be read hides no process", () =>
    Effect.gen(function*() {
      const { host, world } = yield* damaged({})
      yield* world.backend.write([{
        op: "heartbeat",
        owner: { id: "other", expiresAt: 1e15, worker: true, info: "{" }
      }])
      const owners = yield* verbs(host, (runs) => runs.owners)
      assert.includeMembers(owners.map(({ id }) => id), ["other"])
      assert.lengthOf(owners, 2)
    }))
})
