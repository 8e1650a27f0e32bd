import { assert, describe, it } from "@effect/vitest"
import { RemoteTasks } from "@fermata/contracts"
import { Engine } from "@fermata/engine/Engine"
import { Events } from "@fermata/engine/Events"
import { CrashHost } from "@fermata/testing"
import { ConfigProvider, Effect, Exit, Layer, Option, Redacted, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import * as AgentService from "./AgentService.ts"
import { contract, type ContractHost, giveWay, hear, type Loose, run, serve } from "./support.ts"

const secret = "s3cret"
const callbackUrl = new URL("http://127.0.0.1:9/callbacks")

/** A service on a socket, and a host that hands its tasks over to it. */
const setUp = Effect.fnUntraced(function*(options: Partial<RemoteTasks.Options> = {}) {
  const service = yield* AgentService.make
  const world = yield* CrashHost.make
  const tasks = RemoteTasks.layer({ serviceUrl: service.url, callbackUrl, ...options }).pipe(
    Layer.provide(FetchHttpClient.layer)
  )
  const host = yield* serve(world, { tasks })
  const heard = yield* hear(host)
  return { service, world, host, heard }
})

/** A contract of one task, whose output the run returns. */
const working = (task: string, more: Loose = {}) =>
  contract([
    { id: "work", kind: "task", task, input: { repository: "fermata" }, next: "keep", ...more },
    { id: "keep", kind: "transform", set: { output: "{{ steps.work.output }}" }, next: null }
  ])

/** Waits until the run is over, or waits for somebody. */
const rest = (host: ContractHost, id: string, untilSuspended = false) =>
  Effect.map(Stream.runLast(host.runs.follow(id, { untilSuspended })), (last) => Option.getOrThrow(last).view)

const body = (runId: string, more: Loose = {}) => ({
  runId,
  stepId: "work",
  success: true,
  output: { made: 7 },
  ...more
})

describe("work that goes out", () => {
  it.effect("C-71: a task step hands its work to the service with one request, and waits", () =>
    Effect.gen(function*() {
      const { host, service } = yield* setUp()
      const id = yield* run(host, working("code-task"))
      const view = yield* rest(host, id, true)
      assert.deepInclude(view, { status: "suspended", reason: "signal" })
      assert.lengthOf(service.jobs, 1)
      assert.deepInclude(service.jobs[0]!.body, { runId: id, task: "code-task", input: { repository: "fermata" } })
    }).pipe(Effect.scoped))

  it.effect("C-72: the settings come from the environment, with two fallbacks, and the secret is required", () =>
    Effect.gen(function*() {
      const read = (env: Record<string, string>) =>
        Effect.exit(Effect.provideService(
          Effect.gen(function*() {
            return yield* RemoteTasks.config
          }),
          ConfigProvider.ConfigProvider,
          ConfigProvider.fromEnv({ env })
        ))
      const missing = yield* read({ AGENT_SERVICE_URL: "http://agent.test" })
      assert.isTrue(Exit.isFailure(missing))
      assert.include(String(Exit.isFailure(missing) ? missing.cause : ""), "CALLBACK_SECRET")
      const bare = Exit.getSuccess(yield* read({ CALLBACK_SECRET: secret })).pipe(Option.getOrThrow)
      assert.strictEqual(bare.serviceUrl.href, "https://agent.fermata.internal/")
      assert.strictEqual(bare.callbackUrl.href, "https://engine.fermata.internal/callbacks")
      assert.strictEqual(Redacted.value(bare.callbackSecret), secret)
      assert.isTrue(Option.isNone(bare.apiKey))
      const full = Exit.getSuccess(
        yield* read({
          AGENT_SERVICE_URL: "http://agent.test",
          ENGINE_CALLBACK_URL: "http://engine.test/back",
          CALLBACK_SECRET: secret,
          AGENT_API_KEY: "key"
        })
      ).pipe(Option.getOrThrow)
      assert.strictEqual(full.serviceUrl.href, "http://agent.test/")
      assert.strictEqual(full.callbackUrl.href, "http://engine.test/back")
      assert.strictEqual(Redacted.value(Option.getOrThrow(full.apiKey)), "key")
      assert.notInclude(JSON.stringify(full), secret)

      const boot = (env: Record<string, string>) =>
        Effect.exit(
          Layer.build(Layer.provide(RemoteTasks.layerConfig, FetchHttpClient.layer)).pipe(
            Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env }))
          )
        )
      assert.isTrue(Exit.isFailure(yield* boot({})))
      assert.isTrue(Exit.isSuccess(yield* boot({ CALLBACK_SECRET: secret })))
    }).pipe(Effect.scoped))

  it.effect("C-73: a job is a POST to /jobs with the ids, the task, the callback URL and the key when there is one", () =>
    Effect.gen(function*() {
      for (const apiKey of [undefined, "the-key"]) {
        const { host, service } = yield* setUp(apiKey === undefined ? {} : { apiKey: Redacted.make(apiKey) })
        const id = yield* run(host, working("analyze-code"))
        const job = yield* service.next
        assert.include(job, { method: "POST", path: "/jobs" })
        assert.include(job.headers["content-type"], "application/json")
        assert.deepInclude(job.body, {
          runId: id,
          stepId: "work",
          task: "analyze-code",
          mode: "task",
          input: { repository: "fermata" },
          callbackUrl: callbackUrl.href
        })
        assert.strictEqual(job.headers["authorization"], apiKey === undefined ? undefined : "Bearer the-key")
        assert.isString(job.headers["idempotency-key"])
      }
    }).pipe(Effect.scoped))

  /** The job that a task makes. */
  const jobOf = Effect.fnUntraced(function*(task: string) {
    const { host, service } = yield* setUp()
    yield* run(host, working(task))
    const { body } = yield* service.next
    return { task: body["task"], mode: body["mode"] }
  })

  it.effect("C-74: code-task goes out in the mode task", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* jobOf("code-task"), { task: "code-task", mode: "task" })
    }).pipe(Effect.scoped))

  it.effect("C-75: analyze-code goes out in the mode task", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* jobOf("analyze-code"), { task: "analyze-code", mode: "task" })
    }).pipe(Effect.scoped))

  it.effect("C-76: test-run goes out in the mode task, and tests that fail are a step that fails", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* jobOf("test-run"), { task: "test-run", mode: "task" })
      const { heard, host, service } = yield* setUp()
      const url = yield* AgentService.callbacks(host.events, Redacted.make(secret))
      const id = yield* run(host, working("test-run"))
      yield* service.next
      yield* AgentService.callBack(
        url,
        body(id, { success: false, output: { failed: 2 }, error: "2 tests failed" }),
        secret
      )
      const view = yield* rest(host, id)
      assert.strictEqual(view.status, "failed")
      assert.include(view.error?.message, "2 tests failed")
      yield* giveWay()
      assert.deepInclude(heard.find(({ name }) => name === "engine.step.failed")?.payload, {
        runId: id,
        stepId: "work"
      })
    }).pipe(Effect.scoped))

  it.effect("C-77: analyze-ticket goes out in the mode ticket", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* jobOf("analyze-ticket"), { task: "analyze-ticket", mode: "ticket" })
    }).pipe(Effect.scoped))

  it.effect("C-78: knowledge-base goes out in the mode task, and a task that is not listed is refused before any request", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* jobOf("knowledge-base"), { task: "knowledge-base", mode: "task" })
      assert.sameMembers(Object.keys(RemoteTasks.defaultTasks), [
        "code-task",
        "analyze-code",
        "test-run",
        "analyze-ticket",
        "knowledge-base"
      ])
      const { host, service } = yield* setUp()
      const id = yield* run(host, working("delete-everything"))
      assert.strictEqual((yield* host.runs.show(id)).status, "queued", "it waits for a process that knows the task")
      yield* host.use(Effect.flatMap(Engine, ({ adopt }) => adopt(id, { evenIfUnserved: true })))
      const view = yield* rest(host, id)
      assert.strictEqual(view.status, "failed")
      assert.include(view.error?.message, "There is no task \"delete-everything\" here")
      assert.deepStrictEqual(service.jobs, [])
    }).pipe(Effect.scoped))
})

describe("what comes back", () => {
  /** A run that waits for the service, and where the service calls back. */
  const waiting = Effect.fnUntraced(function*() {
    const parts = yield* setUp()
    const url = yield* AgentService.callbacks(parts.host.events, Redacted.make(secret))
    const id = yield* run(parts.host, working("code-task"))
    yield* rest(parts.host, id, true)
    return { ...parts, url, id }
  })

  it.effect("C-79: a callback changes the run only with the right secret in its header", () =>
    Effect.gen(function*() {
      const { host, id, url, world } = yield* waiting()
      const rows = yield* world.rows(id)
      for (const said of ["wrong", "", `${secret}x`, undefined]) {
        assert.strictEqual((yield* AgentService.callBack(url, body(id), said)).status, 401)
        yield* host.settled
        assert.deepStrictEqual(yield* world.rows(id), rows)
      }
      assert.strictEqual((yield* AgentService.callBack(url, body(id), secret)).status, 200)
      assert.deepStrictEqual((yield* rest(host, id)).output, { output: { made: 7 } })
    }).pipe(Effect.scoped))

  it.effect("C-80: a callback is verified and read: success, failure, a bad secret and a body that is none", () =>
    Effect.gen(function*() {
      const parse = (value: unknown) =>
        Option.getOrUndefined(RemoteTasks.parseCallback(typeof value === "string" ? value : JSON.stringify(value)))
      assert.deepStrictEqual(parse(body("r")), {
        success: true,
        runId: "r",
        stepId: "work",
        output: { made: 7 },
        error: null
      })
      assert.deepStrictEqual(parse({ runId: "r", stepId: "work", success: false, error: "no" }), {
        success: false,
        runId: "r",
        stepId: "work",
        output: null,
        error: "no"
      })
      for (
        const malformed of ["", "{", "[]", { stepId: "work" }, { runId: "", stepId: "work" }, {
          runId: 7,
          stepId: "work"
        }, body("r", { success: "yes" })]
      ) {
        assert.isUndefined(parse(malformed), JSON.stringify(malformed))
      }
      const emitted: Array<string> = []
      const events = Events.of({
        behind: () => Effect.die("nobody asks"),
        emit: (name) => Effect.sync(() => (emitted.push(name), "id")),
        publish: () => Effect.die("nothing is published here"),
        subscribe: () => Stream.empty,
        kept: () => Effect.succeed([])
      })
      const handle = (value: unknown, said: string) =>
        RemoteTasks.handleCallback(
          new Request("http://localhost/callbacks", {
            method: "POST",
            headers: { "x-callback-secret": said },
            body: typeof value === "string" ? value : JSON.stringify(value)
          }),
          { secret: Redacted.make(secret) }
        ).pipe(Effect.provideService(Events, events), Effect.map(({ status }) => status))
      assert.strictEqual(yield* handle(body("r"), "wrong"), 401)
      assert.strictEqual(yield* handle("{", secret), 400)
      assert.deepStrictEqual(emitted, [])
      assert.strictEqual(yield* handle(body("r"), secret), 200)
      assert.strictEqual(yield* handle(body("r", { success: false, error: "no" }), secret), 200)
      assert.deepStrictEqual(emitted, ["engine.step.completed", "engine.step.failed"])
    }))

  it.effect("C-81: a callback becomes the event of its step, with the run's id as correlation id, and the run goes on", () =>
    Effect.gen(function*() {
      for (
        const [said, name, status] of [
          [{ output: { made: 7 } }, "engine.step.completed", "completed"],
          [{ success: false, error: "out of memory" }, "engine.step.failed", "failed"]
        ] as const
      ) {
        const { heard, host, id, url } = yield* waiting()
        assert.deepStrictEqual(heard.filter(({ name }) => name === "engine.step.completed"), [])
        yield* AgentService.callBack(url, { runId: id, stepId: "work", ...said }, secret)
        assert.strictEqual((yield* rest(host, id)).status, status)
        yield* giveWay()
        const event = heard.find((event) => event.name === name)
        assert.strictEqual(event?.correlationId, id)
        assert.deepInclude(event?.payload, {
          runId: id,
          stepId: "work",
          ...("error" in said ? { error: said.error } : { output: said.output })
        })
      }
    }).pipe(Effect.scoped))

  it.effect("C-82: a valid callback is answered with 200 and { ok: true }, and a bad secret with 401", () =>
    Effect.gen(function*() {
      const { host, id, url } = yield* waiting()
      const refused = yield* AgentService.callBack(url, body(id), "wrong")
      assert.strictEqual(refused.status, 401)
      assert.deepInclude(refused.body, { ok: false })
      assert.deepStrictEqual(yield* AgentService.callBack(url, body(id), secret), { status: 200, body: { ok: true } })
      assert.strictEqual((yield* rest(host, id)).status, "completed")
      assert.strictEqual((yield* AgentService.callBack(url, "{", secret)).status, 400)
    }).pipe(Effect.scoped))
})
