/** Tasks and their queues: the rows of the feature table that no command and no route proves alone. */
import { assert, describe, it } from "@effect/vitest"
import { Contracts } from "@fermata/contracts/Contracts"
import { scopes } from "@fermata/core/AccessToken"
import type { TaskRequest } from "@fermata/core/Task"
import { AccessTokens } from "@fermata/engine/AccessTokens"
import { Chunks } from "@fermata/engine/Chunks"
import * as CurrentTenant from "@fermata/engine/CurrentTenant"
import { Feed } from "@fermata/engine/Feed"
import { HostClock } from "@fermata/engine/HostClock"
import * as MemoryBackend from "@fermata/engine/MemoryBackend"
import { Runs } from "@fermata/engine/Runs"
import { type LeasedTask, TaskFailed, Tasks } from "@fermata/engine/Tasks"
import * as Server from "@fermata/server/Server"
import * as ServerAccess from "@fermata/server/ServerAccess"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Fiber, Layer, Redacted } from "effect"

const app = ServerAccess.layerTokens().pipe(
  Layer.provideMerge(
    Layer.mergeAll(
      AccessTokens.layer,
      Chunks.layerMemory,
      Contracts.layerServing(),
      Feed.layer,
      Runs.layer,
      Tasks.layer
    )
  ),
  Layer.provideMerge(TestHost.layer)
)

/** Asks a server on the engine of the test. */
const server = Effect.gen(function*() {
  const services = yield* Effect.context<Server.Needs>()
  const { handler } = yield* Effect.acquireRelease(
    Effect.sync(() => Server.toWebHandler(Layer.succeedContext(services))),
    ({ dispose }) => Effect.promise(dispose)
  )
  return (
    line: string,
    { headers, json }: { readonly headers: Readonly<Record<string, string>>; readonly json?: unknown }
  ) =>
    Effect.promise(async () => {
      const [method, path] = line.split(" ") as [string, string]
      const response = await handler(
        new Request(`http://localhost${path}`, {
          method,
          headers: { ...headers, ...(json === undefined ? {} : { "content-type": "application/json" }) },
          ...(json === undefined ? {} : { body: JSON.stringify(json) })
        })
      )
      const text = await response.text()
      const body = JSON.parse(text) as object
      const at = (place: string): unknown =>
        place.split(".").reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], body)
      return { status: response.status, headers: response.headers, text, body, at }
    })
})

const caller = Effect.fnUntraced(function*(
  options: { readonly tenant?: string; readonly groups?: ReadonlyArray<string> } = {}
) {
  const tokens = yield* AccessTokens
  const { text } = yield* tokens.create({ name: "ada", scopes, by: "root", ...options })
  return { headers: { authorization: `Bearer ${Redacted.value(text)}` } }
})

const add = (id: string, request: Partial<TaskRequest> = {}) =>
  Effect.flatMap(Tasks, (tasks) => tasks.enqueue({ id, kind: "work", ...request }))
const lease = (limit = 1, options: { readonly adapters?: ReadonlyArray<string> } = {}) =>
  Effect.flatMap(Tasks, (tasks) => tasks.lease({ queue: "default", owner: "w", leaseMs: 3_600_000, limit, ...options }))
const leased = (limit = 1, options = {}) => Effect.map(lease(limit, options), (rows) => rows.map(({ id }) => id))
const adjust = (millis: number) => Effect.flatMap(TestHost, (host) => host.adjust(millis))
const settled = Effect.flatMap(TestHost, (host) => host.settled)
const serve = (run: (task: LeasedTask) => Effect.Effect<unknown, unknown>, options: object = {}) =>
  Effect.flatMap(Tasks, (tasks) => tasks.serve({ queue: "default", run, ...options }))

describe("tasks", () => {
  it.effect("R-08: every field of a task goes in by the intake and comes out of the list", () =>
    Effect.gen(function*() {
      const ask = yield* server
      const ada = yield* caller()
      const body = {
        message: { repo: "fermata", summary: ["one", 2] },
        kind: "operator",
        source: "operator:future-checkin",
        priority: 5,
        subject: "Check in",
        requested_profile: "lumen",
        requested_adapter: "aibtc-heartbeat",
        schedule: { delay_minutes: 30 }
      }
      const added = yield* ask("POST /api/tasks/queue", { ...ada, json: body })
      assert.strictEqual(added.status, 201, added.text)
      const id = String(added.at("task.id"))
      const listed = yield* ask("GET /api/tasks", ada)
      assert.deepInclude(listed.at("tasks.0"), {
        id,
        kind: "operator",
        source: "operator:future-checkin",
        priority: 5,
        subject: "Check in",
        profile: "lumen",
        adapter: "aibtc-heartbeat",
        notBefore: 1_800_000,
        status: "queued"
      })
      const shown = yield* ask(`GET /api/tasks/${id}`, ada)
      assert.deepStrictEqual(shown.at("payload"), body.message)
    }).pipe(Effect.scoped, Effect.provide(app)))

  it.effect("R-10: the one of the higher priority is given first, and of equal ones the oldest", () =>
    Effect.gen(function*() {
      yield* add("plain")
      yield* add("urgent", { priority: 5 })
      yield* add("later", { priority: 5 })
      assert.deepStrictEqual(yield* leased(), ["urgent"])
      assert.deepStrictEqual(yield* leased(2), ["later", "plain"])
    }).pipe(Effect.scoped, Effect.provide(app)))

  it.effect("R-11: the list is narrowed by source, the whole of it or what stands before its colon", () =>
    Effect.gen(function*() {
      const ask = yield* server
      const ada = yield* caller()
      yield* add("a", { source: "github" })
      yield* add("b", { source: "operator:future-checkin" })
      yield* add("c", { source: "schedule:aibtc-checkin" })
      const ids = (source: string) =>
        Effect.map(
          ask(`GET /api/tasks?source=${source}`, ada),
          ({ body }) => (body as { readonly tasks: ReadonlyArray<{ readonly id: string }> }).tasks.map(({ id }) => id)
        )
      assert.deepStrictEqual(yield* ids("operator"), ["b"])
      assert.deepStrictEqual(yield* ids("schedule:aibtc-checkin"), ["c"])
      assert.deepStrictEqual(yield* ids("git"), [])
    }).pipe(Effect.scoped, Effect.provide(app)))

  it.effect("R-13: a task that names an adapter is done by a worker that has it, and by no other", () =>
    Effect.gen(function*() {
      yield* add("t", { adapter: "aibtc-heartbeat" })
      assert.deepStrictEqual(yield* leased(9, { adapters: ["codex"] }), [])
      const tasks = yield* Tasks
      assert.include((yield* tasks.show("t")).sentence, "no worker of queue default has the adapter")
      assert.deepStrictEqual(yield* leased(9, { adapters: ["codex", "aibtc-heartbeat"] }), ["t"])
    }).pipe(Effect.scoped, Effect.provide(app)))

  it.effect("R-14: a task with a delay of 30 minutes is not given at 29 and is at 30", () =>
    Effect.gen(function*() {
      yield* add("t", { delayMs: 30 * 60_000 })
      yield* adjust(29 * 60_000)
      assert.deepStrictEqual(yield* leased(), [])
      yield* adjust(60_000)
      assert.deepStrictEqual(yield* leased(), ["t"])
    }).pipe(Effect.scoped, Effect.provide(app)))

  it.effect("R-26: of tasks with one dedupe key that are asked for at once, one is there", () =>
    Effect.gen(function*() {
      const tasks = yield* Tasks
      const added = yield* Effect.all(
        Array.from({ length: 20 }, () => tasks.enqueue({ kind: "discord-reply", dedupe: "discord:message-123" })),
        { concurrency: "unbounded" }
      )
      assert.lengthOf(added.filter(({ result }) => result === "added"), 1)
      assert.lengthOf(new Set(added.map(({ task }) => task.id)), 1)
      assert.lengthOf(yield* tasks.list(), 1)
    }).pipe(Effect.scoped, Effect.provide(app)))

  it.effect("R-29, R-30: one claim takes one task, and of two claims at once each has its own", () =>
    Effect.gen(function*() {
      for (const id of ["a", "b", "c"]) yield* add(id)
      const both = yield* Effect.all([leased(), leased()], { concurrency: "unbounded" })
      assert.deepStrictEqual(both, [["a"], ["b"]])
      const tasks = yield* Tasks
      assert.lengthOf(yield* tasks.list({ status: "queued" }), 1)
    }).pipe(Effect.scoped, Effect.provide(app)))

  it.effect("R-31: an adapter that fails twice has three attempts on record, and one that always fails stops at the limit", () =>
    Effect.gen(function*() {
      const tasks = yield* Tasks
      yield* tasks.configure("default", { retry: { attempts: 3, delaysMs: [1_000] } }, { by: "ops" })
      yield* add("flaky")
      yield* add("broken")
      yield* serve(
        ({ attempt, id }) =>
          id === "flaky" && attempt === 3 ? Effect.succeed("ok") : Effect.fail(new TaskFailed({ message: "no" })),
        {
          concurrency: 2
        }
      )
      for (let turn = 0; turn < 5; turn++) yield* adjust(1_000)
      const outcomes = (id: string) =>
        Effect.map(tasks.attempts(id), (attempts) => attempts.map(({ outcome }) => outcome))
      assert.deepStrictEqual(yield* outcomes("flaky"), ["failed", "failed", "completed"])
      assert.deepStrictEqual(yield* outcomes("broken"), ["failed", "failed", "failed"])
      assert.strictEqual((yield* tasks.find("flaky")).status, "completed")
      assert.strictEqual((yield* tasks.find("broken")).status, "failed")
    }).pipe(Effect.scoped, Effect.provide(app)))

  it.effect("R-33, R-81: a pause that is set over HTTP is in the store, so that nothing is given out until it is taken away", () =>
    Effect.gen(function*() {
      const ask = yield* server
      const ada = yield* caller()
      yield* add("t")
      assert.strictEqual((yield* ask("GET /api/pause", ada)).at("paused"), false)
      assert.strictEqual((yield* ask("POST /api/pause", { ...ada, json: { paused: true } })).status, 200)
      assert.deepInclude((yield* ask("GET /api/pause", ada)).body, { paused: true, by: "ada" })
      assert.deepStrictEqual(yield* leased(), [])
      const tasks = yield* Tasks
      assert.strictEqual((yield* tasks.show("t")).sentence, "It waits because all queues are paused by ada.")
      yield* ask("POST /api/pause", { ...ada, json: { paused: false } })
      assert.deepStrictEqual(yield* leased(), ["t"])
    }).pipe(Effect.scoped, Effect.provide(app)))

  it.effect("R-34, R-80: a task that waits is cancelled as operator_canceled, one at work or over is a conflict, and an unknown one is 404", () =>
    Effect.gen(function*() {
      const ask = yield* server
      const ada = yield* caller()
      const cancel = (id: string) => ask(`POST /api/tasks/${id}/cancel`, { ...ada, json: {} })
      yield* add("running", { priority: 1 })
      yield* add("queued")
      assert.deepStrictEqual(yield* leased(), ["running"])
      const cancelled = yield* cancel("queued")
      assert.deepInclude(cancelled.body, { status: "cancelled", reason: "operator_canceled" })
      const conflict = yield* cancel("running")
      assert.deepStrictEqual([conflict.status, conflict.at("error._tag")], [409, "TaskConflict"])
      assert.strictEqual((yield* cancel("queued")).status, 409)
      assert.strictEqual((yield* cancel("none")).status, 404)
      // Who means one at work says so.
      const asked = yield* ask("POST /api/tasks/running/cancel", { ...ada, json: { running: true } })
      assert.deepInclude(asked.body, { status: "running", isStopping: true })
    }).pipe(Effect.scoped, Effect.provide(app)))

  it.effect("R-74: the list has the status and the attempts of each task, page by page", () =>
    Effect.gen(function*() {
      const ask = yield* server
      const ada = yield* caller()
      for (const id of ["a", "b", "c"]) yield* add(id)
      yield* lease()
      const first = yield* ask("GET /api/tasks?limit=2", ada)
      assert.deepStrictEqual([first.at("tasks.0.id"), first.at("tasks.1.id")], ["c", "b"])
      const second = yield* ask(`GET /api/tasks?limit=2&after=${String(first.at("next"))}`, ada)
      assert.deepInclude(second.at("tasks.0"), { id: "a", status: "running", attempts: 1 })
      assert.isUndefined(second.at("next"))
      const attempts = yield* ask("GET /api/tasks/a/attempts", ada)
      assert.deepInclude(attempts.at("attempts.0"), { id: "a.1", outcome: "running", owner: "w" })
    }).pipe(Effect.scoped, Effect.provide(app)))

  it.effect("R-79: a small task of an operator is queued, and one that is too large or of another kind is refused", () =>
    Effect.gen(function*() {
      const ask = yield* server
      const ada = yield* caller()
      const queue = (json: object) => ask("POST /api/tasks/queue", { ...ada, json })
      const added = yield* queue({ message: { say: "hello" } })
      assert.deepStrictEqual([added.status, added.at("result")], [201, "added"])
      for (
        const [json, why] of [
          [{ message: "x".repeat(20_000) }, "at most 16384"],
          [{ message: 1, kind: "github-story" }, "one of operator is"]
        ] as const
      ) {
        const refused = yield* queue(json)
        assert.deepStrictEqual([refused.status, refused.at("error._tag")], [422, "TaskRefused"])
        assert.include(refused.text, why)
      }
      assert.lengthOf(yield* (yield* Tasks).list(), 1)
    }).pipe(Effect.scoped, Effect.provide(app)))

  it.effect("N-27: a running task is interrupted within a second of its cancel", () =>
    Effect.gen(function*() {
      const tasks = yield* Tasks
      yield* add("t")
      let cut = false
      yield* serve(() => Effect.onInterrupt(Effect.never, () => Effect.sync(() => void (cut = true))))
      yield* settled
      assert.strictEqual((yield* tasks.find("t")).status, "running")
      yield* tasks.cancel("t", { by: "ada" })
      yield* adjust(999)
      assert.isTrue(cut)
      assert.deepInclude(yield* tasks.find("t"), { status: "cancelled", reason: "operator_canceled" })
    }).pipe(Effect.scoped, Effect.provide(app)))

  it.effect("N-51: tenants have equal shares however much each asks for, and so have providers, within limits of each", () =>
    Effect.gen(function*() {
      const tasks = yield* Tasks
      for (let n = 0; n < 60; n++) {
        yield* CurrentTenant.within("acme")(add(`a${n}`, { lane: n % 3 === 0 ? "openai" : "anthropic" }))
        if (n < 20) yield* CurrentTenant.within("beta")(add(`b${n}`, { lane: "openai" }))
      }
      const shares = new Map<string, number>()
      for (let turn = 0; turn < 30; turn++) {
        const [task] = yield* lease()
        const tenant = task!.queue.split("~")[0]!
        for (const share of [tenant, `${tenant} ${task!.lane}`]) shares.set(share, (shares.get(share) ?? 0) + 1)
        yield* tasks.complete(task!.id, 1, null)
      }
      assert.deepStrictEqual([shares.get("acme"), shares.get("beta")], [15, 15])
      assert.approximately(shares.get("acme openai")!, shares.get("acme anthropic")!, 1)
      // A provider that takes few at a time keeps nobody else waiting.
      yield* CurrentTenant.within("acme")(tasks.configure("default", { perLane: 1 }, { by: "ops" }))
      yield* CurrentTenant.within("beta")(tasks.configure("default", { concurrency: 1 }, { by: "ops" }))
      const given = yield* lease(20)
      assert.deepStrictEqual(
        given.map(({ lane, queue }) => `${queue} ${lane}`).toSorted(),
        ["acme~default anthropic", "acme~default openai", "beta~default openai"]
      )
    }).pipe(Effect.scoped, Effect.provide(app)))

  it.effect("N-64: a queue that is full answers 429 with Retry-After, and the same request is taken once there is room", () =>
    Effect.gen(function*() {
      const ask = yield* server
      const ada = yield* caller()
      yield* ask("PUT /api/queues/default", { ...ada, json: { maxQueued: 1 } })
      const post = (id: string) =>
        ask("POST /api/tasks", {
          headers: { ...ada.headers, "idempotency-key": id },
          json: { kind: "work", id }
        })
      assert.strictEqual((yield* post("a")).status, 201)
      const full = yield* post("b")
      assert.strictEqual(full.status, 429)
      assert.deepInclude(full.at("error"), { _tag: "QueueFull", queue: "default", most: 1 })
      assert.match(full.headers.get("retry-after") ?? "", /^\d+$/)
      yield* lease()
      assert.strictEqual((yield* post("b")).status, 201)
    }).pipe(Effect.scoped, Effect.provide(app)))

  it.effect("a worker elsewhere takes tasks, keeps them and settles them, of the queues that its token names", () =>
    Effect.gen(function*() {
      const ask = yield* server
      const ada = yield* caller({ groups: ["queue:default"] })
      yield* add("t")
      yield* add("other", { queue: "other" })
      const leasing = (queue: string) =>
        ask(`POST /api/queues/${queue}/lease`, { ...ada, json: { leaseMs: 10_000, worker: "one" } })
      assert.strictEqual((yield* leasing("other")).status, 403)
      const given = yield* leasing("default")
      assert.deepInclude(given.at("tasks.0"), { id: "t", attempt: 1, owner: "ada/one" })
      const say = (verb: string, json: object) => ask(`POST /api/tasks/t/${verb}`, { ...ada, json })
      assert.deepStrictEqual((yield* say("extend", { attempt: 1, leaseMs: 20_000 })).body, { stop: null })
      assert.strictEqual((yield* say("extend", { attempt: 2, leaseMs: 20_000 })).status, 409)
      yield* (yield* Tasks).cancel("t", { by: "ann" })
      assert.deepStrictEqual((yield* say("extend", { attempt: 1, leaseMs: 20_000 })).body, {
        stop: "operator_canceled"
      })
      // What is said twice, since the first answer was lost, is answered the same.
      for (const status of [200, 200]) {
        const done = yield* say("complete", { attempt: 1, result: { n: 1 } })
        assert.deepStrictEqual([done.status, done.at("status")], [status, "completed"])
      }
      assert.strictEqual((yield* say("fail", { attempt: 1, message: "no" })).status, 409)
    }).pipe(Effect.scoped, Effect.provide(app)))
})

describe("workers of one store", () => {
  it.effect("N-26: four of them do 1,000 tasks, none of them twice", () =>
    Effect.gen(function*() {
      const store = MemoryBackend.makeStore()
      const clock = HostClock.makeManual()
      const host = () =>
        Layer.provideMerge(Tasks.layer, TestHost.layerOf(MemoryBackend.make(store), { worker: false }, clock))
      const done: Array<string> = []
      yield* Effect.provide(
        Effect.gen(function*() {
          for (let n = 0; n < 1_000; n++) yield* add(`t${n}`, { lane: `${n % 10}` })
          const tasks = yield* Tasks
          const workers = yield* Effect.forEach([1, 2, 3, 4], () =>
            Effect.forkChild(Effect.scoped(Effect.provide(
              Effect.andThen(
                serve(({ id }) => Effect.andThen(Effect.yieldNow, Effect.sync(() => void done.push(id))), {
                  concurrency: 5
                }),
                Effect.never
              ),
              host()
            ))))
          for (let turn = 0; turn < 200 && done.length < 1_000; turn++) yield* adjust(1_000)
          yield* Effect.forEach(workers, Fiber.interrupt)
          assert.lengthOf(yield* tasks.list({ status: "completed", limit: 500 }), 500)
          assert.lengthOf(yield* tasks.list({ status: "queued" }), 0)
        }),
        host()
      )
      assert.lengthOf(done, 1_000)
      assert.strictEqual(new Set(done).size, 1_000)
    }))
})
