/** Conformance: queues among tenants, how tasks are listed and stand, and what is kept of them. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { act, acted, asked, one, type Test } from "./Fixtures.ts"
import { cancel, counts, lease, leased, outcomes, queue, settle, task } from "./TaskFixtures.ts"

/** Tests of queues, and of what is told of tasks. */
export const queueTests = (test: Test): void => {
  test("tenants' queues of one name have equal shares, and the limits of that of no tenant hold for all together", (backend) =>
    Effect.gen(function*() {
      const of = (tenant: string, count: number, lanes = 1) =>
        Array.from(
          { length: count },
          (_, index) => task(`${tenant}~${index}`, { queue: `${tenant}~q`, lane: `${index % lanes}` })
        )
      yield* backend.write([...of("acme", 6, 6), ...of("beta", 2), task("own"), queue("q", { concurrency: 7 })])
      assert.strictEqual(yield* leased(backend, lease(9)), "acme~0 beta~0 own acme~1 beta~1 acme~2 acme~3")
      assert.deepStrictEqual(yield* counts(backend), [0, 0, 1, 7])
      assert.deepStrictEqual(yield* counts(backend, "acme~q"), [2, 2, 4, 0])
      assert.strictEqual(yield* leased(backend, lease(9, { queue: "acme~q", isShared: false })), "")
      yield* backend.write([queue("q", {}), queue("acme~q", { concurrency: 5 })])
      assert.strictEqual(yield* leased(backend, lease(9, { isShared: false })), "")
      assert.strictEqual(yield* leased(backend, lease(9, { queue: "acme~q", isShared: false })), "acme~4")
      yield* backend.write([queue("acme~q", {}), queue("q", {}, true)])
      assert.strictEqual(yield* leased(backend, lease(9, { queue: "acme~q", isShared: false })), "")
      yield* one(backend, queue("q", {}, false))
      assert.strictEqual(yield* leased(backend, lease(9)), "acme~5")
    }))

  test("tasks are listed newest first, by what is asked for, and page by page", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        task("a", { source: "github", lane: "x" }),
        task("b", { source: "github:stories", kind: "story" }),
        task("c", { queue: "p" }),
        task("acme~d", { queue: "acme~q", source: "githubbed" }),
        task("e", { queue: "engine.webhooks" }),
        cancel("a")
      ])
      const listed = (filter: object) =>
        Effect.map(backend.tasks({ limit: 9, ...filter }), (rows) => rows.map(({ id }) => id).join(" "))
      assert.strictEqual(yield* listed({}), "e acme~d c b a")
      assert.strictEqual(yield* listed({ without: "engine." }), "acme~d c b a")
      assert.strictEqual(yield* listed({ limit: 2 }), "e acme~d")
      assert.strictEqual(yield* listed({ limit: 2, before: "acme~d" }), "c b")
      assert.strictEqual(yield* listed({ before: "none" }), "")
      assert.strictEqual(yield* listed({ queue: "q" }), "b a")
      assert.strictEqual(yield* listed({ status: "queued" }), "e acme~d c b")
      assert.strictEqual(yield* listed({ status: "cancelled", queue: "q" }), "a")
      assert.strictEqual(yield* listed({ source: "github" }), "b a")
      assert.strictEqual(yield* listed({ source: "github:stories" }), "b")
      assert.strictEqual(yield* listed({ kind: "story" }), "b")
      assert.strictEqual(yield* listed({ lane: "x" }), "a")
      assert.strictEqual(yield* listed({ tenant: "acme" }), "acme~d")
      assert.deepStrictEqual((yield* backend.queues("acme")).map(({ name }) => name), ["acme~q"])
    }))

  test("how a task stands is told with its queue, its lane, what goes before it and who serves it", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        queue("q", { perLane: 1 }),
        ...["a", "b", "c"].map((id) => task(id, { lane: "x" })),
        task("d", { lane: "x", priority: 1, adapter: "gpu" }),
        task("acme~e", { queue: "acme~q" })
      ])
      yield* one(backend, lease(1, { adapters: ["disk"] }))
      const stands = yield* backend.taskStanding("c", 9)
      assert.deepInclude(stands?.lane, { lane: "x", running: 1, ready: 2 })
      assert.deepInclude(stands?.queue, { name: "q", perLane: 1, running: 1 })
      assert.strictEqual(stands?.before, 2)
      assert.deepStrictEqual(stands?.servers, [{
        queue: "q",
        owner: "a",
        adapters: `["disk"]`,
        isShared: true,
        seenAt: 1_000
      }])
      assert.strictEqual((yield* backend.taskStanding("c", 1))?.before, 1)
      const tenants = yield* backend.taskStanding("acme~e", 9)
      assert.strictEqual(tenants?.base.name, "q")
      assert.lengthOf(tenants?.servers ?? [], 1)
      assert.isNull(yield* backend.taskStanding("none", 9))
    }))

  test("tasks that ended before a time are deleted, the oldest first, and with them their attempts", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([task("a"), task("b"), task("c"), task("d")])
      yield* one(backend, lease(3))
      for (const [index, id] of ["a", "b", "c"].entries()) yield* one(backend, settle(id, 1, undefined, 1_100 + index))
      assert.strictEqual(yield* backend.oldestEndedTask, 1_100)
      assert.deepStrictEqual(yield* one(backend, { op: "sweepTasks", before: 1_102, limit: 1 }), { dropped: 1 })
      assert.strictEqual(yield* backend.oldestEndedTask, 1_101)
      assert.deepStrictEqual(yield* one(backend, { op: "sweepTasks", before: 1_102, limit: 9 }), { dropped: 1 })
      assert.deepStrictEqual((yield* backend.tasks({ limit: 9 })).map(({ id }) => id), ["d", "c"])
      assert.deepStrictEqual(yield* outcomes(backend, "a"), [])
    }))

  test("a task of the outbox is added as long as its message is there, and not once more", (backend) =>
    Effect.gen(function*() {
      yield* one(backend, { op: "publish", rows: [{ id: "m", kind: "task", payload: "{}" }] })
      const [first, , second] = yield* backend.write([
        task("t", { dedupe: "d" }, { message: "m" }),
        { op: "delivered", ids: ["m"] },
        task("u", { dedupe: "d" }, { message: "m" })
      ])
      assert.deepInclude(first, { result: "added" })
      assert.deepStrictEqual(second, { result: "gone" })
    }))

  test("a message of a kind that this build does not know stays where it is", (backend) =>
    Effect.gen(function*() {
      yield* one(backend, {
        op: "publish",
        rows: [{ id: "m", kind: "of tomorrow", payload: "{}" }, { id: "e", kind: "event", payload: "{}" }]
      })
      assert.deepStrictEqual((yield* backend.outbox(1, true)).map(({ id }) => id), ["e"])
      assert.strictEqual((yield* backend.census).outbox, 2)
    }))

  test("acts on tasks and queues are in the audit, and are answered once for one request", (backend) =>
    Effect.gen(function*() {
      yield* one(backend, queue("q", { maxQueued: 1 }))
      const doing = acted(task("t"), act("t", { request: asked("ann", "k") }))
      assert.deepInclude(yield* one(backend, doing), { result: "added" })
      assert.property(yield* one(backend, doing), "answered")
      assert.deepInclude(yield* one(backend, acted(task("u"), act("u", { request: asked("ann", "l") }))), {
        result: "full"
      })
      assert.isNull(yield* backend.request("ann", "l"))
      yield* one(backend, acted(cancel("t"), act("t")))
      yield* one(backend, acted(cancel("t"), act("t")))
      yield* one(backend, acted({ op: "retryTask", task: "t", now: 1_200 }, act("t")))
      yield* one(backend, acted(queue("q", {}), act("q")))
      assert.lengthOf(yield* backend.audit({ limit: 9 }), 4)
    }))

  test("a list of operations that fails leaves no task, and no count of one", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([task("a"), task("b")])
      yield* one(backend, lease())
      const before = yield* backend.taskStanding("b", 9)
      const broken = { op: "none" } as never
      yield* Effect.flip(backend.write([task("c", { lane: "x" }), settle("a", 1), lease(9), cancel("b"), broken]))
      assert.deepStrictEqual(yield* backend.taskStanding("b", 9), before)
      assert.isNull(yield* backend.task("c"))
      assert.strictEqual(yield* leased(backend), "b")
    }))
}
