import { assert, describe, it } from "@effect/vitest"
import { Runs } from "@fermata/engine/Runs"
import { ConfigProvider, Deferred, Effect, Layer, Option, Redacted, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import * as RemoteTasks from "../src/RemoteTasks.ts"
import { type TaskRequest, TaskRuntime } from "../src/TaskRuntime.ts"
import { assertOutput, begin, document, end, hearing, layer, settled, step } from "./support/Agency.ts"

interface Job {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: IncomingMessage["headers"]
  readonly body: Record<string, unknown>
}

/** An agent service on the loopback that keeps what it gets and answers with these statuses, then 202. */
const service = (statuses: ReadonlyArray<number> = []) =>
  Effect.gen(function*() {
    const jobs: Array<Job> = []
    const came = yield* Deferred.make<Job>()
    const answer = (request: IncomingMessage, response: ServerResponse) => {
      const chunks: Array<Buffer> = []
      request.on("data", (chunk: Buffer) => chunks.push(chunk)).on("end", () => {
        const job = {
          method: request.method,
          url: request.url,
          headers: request.headers,
          body: JSON.parse(Buffer.concat(chunks).toString())
        }
        jobs.push(job)
        response.writeHead(statuses[jobs.length - 1] ?? 202).end("{}")
        Deferred.doneUnsafe(came, Effect.succeed(job))
      })
    }
    const server = yield* Effect.acquireRelease(
      Effect.callback<ReturnType<typeof createServer>>((resume) => {
        const server = createServer(answer).listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.callback<void>((resume) => {
          server.closeAllConnections()
          server.close(() => resume(Effect.void))
        })
    )
    return { jobs, came, url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/agent`) }
  })

const callbackUrl = new URL("https://engine.test/callbacks")
const secret = Redacted.make("s3cret")

const request = (task: string): TaskRequest => ({
  runId: "run-1",
  stepId: "do",
  task,
  input: { a: 1 },
  attempt: 1,
  idempotencyKey: "run-1%2Fdo",
  labels: ["gpu"]
})

const runtimeOf = (options: RemoteTasks.Options) =>
  Effect.provide(TaskRuntime, RemoteTasks.layer(options).pipe(Layer.provide(FetchHttpClient.layer)))

const callback = (
  body: unknown,
  headers: Record<string, string> = { "x-callback-secret": "s3cret" },
  method = "POST"
) =>
  new Request("https://engine.test/callbacks", {
    method,
    headers,
    ...(method === "POST" ? { body: typeof body === "string" ? body : JSON.stringify(body) } : {})
  })

describe("RemoteTasks", () => {
  it.effect("C-71, C-73: a task is one POST /jobs with its place, mode, callback URL, key and API key", () =>
    Effect.gen(function*() {
      const { jobs, url } = yield* service()
      const runtime = yield* runtimeOf({ serviceUrl: url, callbackUrl, apiKey: Redacted.make("key") })
      assert.deepStrictEqual(yield* runtime.submit(request("code-task")), { _tag: "Submitted" })
      assert.strictEqual(jobs.length, 1)
      const [{ body, headers, method, url: path }] = jobs as [Job]
      assert.deepStrictEqual([method, path, headers.authorization, headers["idempotency-key"]], [
        "POST",
        "/agent/jobs",
        "Bearer key",
        "run-1%2Fdo"
      ])
      assert.deepStrictEqual(body, {
        runId: "run-1",
        stepId: "do",
        task: "code-task",
        mode: "task",
        input: { a: 1 },
        callbackUrl: "https://engine.test/callbacks",
        idempotencyKey: "run-1%2Fdo",
        labels: ["gpu"]
      })
    }))

  it.effect("C-74..C-78: each task has its mode, and one that is not listed is refused before a request", () =>
    Effect.gen(function*() {
      const { jobs, url } = yield* service()
      const runtime = yield* runtimeOf({ serviceUrl: url, callbackUrl })
      const names = ["code-task", "analyze-code", "test-run", "analyze-ticket", "knowledge-base"]
      for (const task of names) yield* runtime.submit(request(task))
      assert.deepStrictEqual(jobs.map(({ body }) => [body.task, body.mode]), [
        ["code-task", "task"],
        ["analyze-code", "task"],
        ["test-run", "task"],
        ["analyze-ticket", "ticket"],
        ["knowledge-base", "task"]
      ])
      assert.isUndefined(jobs[0]?.headers.authorization)
      assert.deepInclude(yield* Effect.flip(runtime.submit(request("mine-coins"))), {
        _tag: "UnknownTask",
        known: names
      })
      assert.strictEqual(jobs.length, 5)
    }))

  it.effect("what the service answers decides whether the same again may succeed", () =>
    Effect.gen(function*() {
      const { url } = yield* service([503, 429, 400, 401])
      const runtime = yield* runtimeOf({ serviceUrl: url, callbackUrl })
      const retryable: Array<unknown> = []
      for (let count = 0; count < 4; count++) {
        const error = yield* Effect.flip(runtime.submit(request("code-task")))
        retryable.push(error._tag === "TaskFailed" ? error.retryable : error)
      }
      assert.deepStrictEqual(retryable, [true, true, false, false])
      const nobody = yield* runtimeOf({
        serviceUrl: new URL("http://127.0.0.1:1"),
        callbackUrl,
        apiKey: Redacted.make("key")
      })
      const error = yield* Effect.flip(nobody.submit(request("code-task")))
      assert.deepInclude(error, { _tag: "TaskFailed", retryable: true })
      assert.notInclude(error.message, "Bearer")
    }))

  it.effect("C-72: settings come from the environment, with fallbacks, and the secret is required", () =>
    Effect.gen(function*() {
      const read = (env: Record<string, string>) =>
        Effect.provideService(
          Effect.gen(function*() {
            return yield* RemoteTasks.config
          }),
          ConfigProvider.ConfigProvider,
          ConfigProvider.fromEnv({ env })
        )
      const least = yield* read({ CALLBACK_SECRET: "s" })
      assert.deepStrictEqual([
        least.serviceUrl.href,
        least.callbackUrl.href,
        Redacted.value(least.callbackSecret),
        Option.isNone(least.apiKey)
      ], [
        "https://agent.fermata.internal/",
        "https://engine.fermata.internal/callbacks",
        "s",
        true
      ])
      const most = yield* read({
        CALLBACK_SECRET: "s",
        AGENT_SERVICE_URL: "http://a/",
        ENGINE_CALLBACK_URL: "http://b/c",
        AGENT_API_KEY: "k"
      })
      assert.deepStrictEqual([most.serviceUrl.href, most.callbackUrl.href, Option.map(most.apiKey, Redacted.value)], [
        "http://a/",
        "http://b/c",
        Option.some("k")
      ])
      assert.notInclude(JSON.stringify(most), `"s"`)
      for (const env of [{}, { CALLBACK_SECRET: "" }, { CALLBACK_SECRET: "s", AGENT_SERVICE_URL: "nowhere" }]) {
        assert.strictEqual(
          (yield* Effect.flip(read(env as Record<string, string>)))._tag,
          "ConfigError",
          JSON.stringify(env)
        )
      }
      const missing = yield* Effect.flip(Effect.provideService(
        runtimeLayer,
        ConfigProvider.ConfigProvider,
        ConfigProvider.fromEnv({ env: {} })
      ))
      assert.include(String(missing), "CALLBACK_SECRET")
    }))
  const runtimeLayer = Effect.provide(TaskRuntime, RemoteTasks.layerConfig.pipe(Layer.provide(FetchHttpClient.layer)))

  it("C-80: a callback is read as success or failure, or not at all", () => {
    const place = { runId: "r", stepId: "s" }
    const read = (body: unknown) => Option.getOrUndefined(RemoteTasks.parseCallback(JSON.stringify(body)))
    assert.deepStrictEqual(read({ ...place, output: 1 }), { ...place, success: true, output: 1, error: null })
    assert.deepStrictEqual(read({ ...place, error: "no" }), { ...place, success: false, output: null, error: "no" })
    assert.deepStrictEqual(read({ ...place, success: false }), { ...place, success: false, output: null, error: null })
    for (const body of [{}, { runId: "r" }, { ...place, success: "yes" }, { runId: "", stepId: "s" }, null, []]) {
      assert.isUndefined(read(body), JSON.stringify(body))
    }
    assert.isTrue(Option.isNone(RemoteTasks.parseCallback("{")))
  })

  it.effect("C-79, C-82: only a callback with the secret is taken, and it is answered ok", () =>
    Effect.gen(function*() {
      const { result: id } = yield* hearing("engine.**", begin(document([step("task", "do", null, { task: "any" })])))
      const handle = (request: Request) =>
        Effect.flatMap(
          RemoteTasks.handleCallback(request, { secret }),
          (response) =>
            Effect.map(
              Effect.promise(() => response.json()),
              (body: { readonly ok?: unknown }) => [response.status, body.ok]
            )
        )
      const body = { runId: id, stepId: "do", output: "done" }
      assert.deepStrictEqual(yield* handle(callback(body, {})), [401, false])
      assert.deepStrictEqual(yield* handle(callback(body, { "x-callback-secret": "s3cres" })), [401, false])
      assert.deepStrictEqual(yield* handle(callback(body, { "x-callback-secret": "s3cret2" })), [401, false])
      assert.deepStrictEqual(yield* handle(callback("{", undefined)), [400, false])
      assert.deepStrictEqual(yield* handle(callback({ runId: id }, undefined)), [400, false])
      assert.deepStrictEqual(yield* handle(callback("x".repeat(RemoteTasks.maxBody + 1))), [413, false])
      assert.deepStrictEqual(yield* handle(callback(null, undefined, "GET")), [405, false])
      yield* settled
      assert.strictEqual((yield* end(id)).status, "suspended")
      assert.deepStrictEqual(yield* handle(callback(body)), [200, true])
      assert.deepStrictEqual(yield* handle(callback({ ...body, output: "again" })), [200, true])
      yield* settled
      yield* assertOutput(id, "done")
    }).pipe(
      Effect.provide(layer({
        tasks: Layer.succeed(TaskRuntime, {
          tasks: ["any"],
          submit: () => Effect.succeed({ _tag: "Submitted" })
        })
      }))
    ))

  it.effect("C-76, C-81: work goes to the service, its callback is told as an event of the run, and the run goes on", () =>
    Effect.gen(function*() {
      const { came, jobs, url } = yield* service()
      const tasks = RemoteTasks.layer({ serviceUrl: url, callbackUrl }).pipe(Layer.provide(FetchHttpClient.layer))
      const contract = document([
        step("task", "check", "tests", { task: "analyze-code", input: "{{ input }}" }),
        step("task", "tests", null, { task: "test-run", onError: "mend" }),
        step("transform", "mend", null, {
          set: { why: "{{ steps.tests.error.data.failed }}", was: "{{ steps.check.output }}" }
        })
      ])
      yield* Effect.gen(function*() {
        const { heard, result: id } = yield* hearing(
          "engine.step.*",
          Effect.gen(function*() {
            const id = yield* begin(contract, { input: "src" })
            const { body } = yield* Deferred.await(came)
            assert.deepStrictEqual([body.runId, body.stepId, body.input], [id, "check", "src"])
            yield* RemoteTasks.handleCallback(callback({ runId: id, stepId: "check", success: true, output: "fine" }), {
              secret
            })
            yield* RemoteTasks.handleCallback(
              callback({ runId: id, stepId: "tests", success: false, error: { failed: 2 } }),
              { secret }
            )
            yield* Effect.flatMap(Runs, (runs) => Stream.runDrain(runs.follow(id)))
            return id
          })
        )
        yield* assertOutput(id, { why: 2, was: "fine" })
        assert.deepStrictEqual(jobs.map(({ body }) => body.task), ["analyze-code", "test-run"])
        const told = heard.filter(({ name, payload }) =>
          name !== "engine.step.requested" && !JSON.stringify(payload).includes("mend")
        )
        assert.deepStrictEqual(told.map(({ correlationId, name, payload }) => [name, correlationId, payload]), [
          ["engine.step.completed", id, { runId: id, workflow: "sample", stepId: "check", output: "fine" }],
          ["engine.step.failed", id, {
            runId: id,
            workflow: "sample",
            stepId: "tests",
            error: `{"failed":2}`,
            cause: [{ _tag: "Fail", error: { failed: 2 } }]
          }]
        ])
      }).pipe(Effect.provide(layer({ tasks })))
    }))
})
