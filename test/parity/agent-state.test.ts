/** How far a run of an agent is, as whoever started it reads it from time to time. */
import { assert, describe, it } from "@effect/vitest"
import { AgentResponse, AgentState, AgentTool, Policy } from "@fermata/agent"
import { ModelFailed } from "@fermata/agent/Model"
import type { Backend } from "@fermata/engine/Backend"
import type { EngineOptions } from "@fermata/engine/EngineOptions"
import * as MemoryBackend from "@fermata/engine/MemoryBackend"
import { Runs } from "@fermata/engine/Runs"
import { TestHost } from "@fermata/testing/TestHost"
import { Deferred, Effect, Fiber, type Layer, Result, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { answer, call, calls, inTurn, over, type Script, stop, withTools, world } from "./AgentWorld.ts"

const Crawl = Tool.make("Crawl", { parameters: Schema.Struct({ page: Schema.Int }), success: Schema.String })
  .annotateMerge(AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" }))
const Write = Tool.make("Write", { parameters: Schema.Struct({ path: Schema.String }), success: Schema.String })
const kit = Toolkit.make(Crawl)
const crawling = (
  handle: (page: number) => Effect.Effect<string>,
  options: Parameters<typeof withTools<typeof kit.tools>>[2] = {}
) => withTools(kit, { Crawl: ({ page }) => handle(page) }, { policy: Policy.open, ...options })
const settled = Effect.flatMap(TestHost, ({ settled }) => settled)
const Written = Schema.fromJsonString(AgentState.AgentState)

describe("the state document of a run", () => {
  it.effect("M-152, M-155, M-156, M-157: follows model and tool through a turn, and has the response at the end", () => {
    const gates = { model: Deferred.makeUnsafe<void>(), tool: Deferred.makeUnsafe<void>() }
    const { agent, layer } = crawling(() => Effect.as(Deferred.await(gates.tool), "a page"))
    return Effect.gen(function*() {
      const run = yield* agent.start("go", { id: "1" })
      yield* settled
      const asked = yield* AgentState.of(run)
      assert.deepStrictEqual({ ...asked, startedAt: 0, lastHeartbeat: 0 }, {
        version: 1,
        runId: run,
        status: "running",
        startedAt: 0,
        lastHeartbeat: 0,
        progress: { turns: 0, tokensUsed: { input: 0, output: 0 }, currentActivity: "streaming", lastTool: null },
        response: null
      })
      yield* Deferred.succeed(gates.model, undefined)
      yield* settled
      const crawls = yield* AgentState.of(run)
      assert.deepInclude(crawls, { status: "running", response: null })
      assert.deepStrictEqual(crawls.progress, {
        turns: 1,
        tokensUsed: { input: 100, output: 50 },
        currentActivity: "tool_dispatch",
        lastTool: "Crawl"
      })
      yield* Deferred.succeed(gates.tool, undefined)
      yield* settled
      const over = yield* AgentState.of(run)
      assert.deepInclude(over, { status: "done", response: yield* AgentResponse.of(run) })
      assert.deepInclude(over.response!, { status: "done", data: "that is all" })
      assert.deepStrictEqual(over.progress, {
        turns: 2,
        tokensUsed: { input: 200, output: 100 },
        currentActivity: "idle",
        lastTool: "Crawl"
      })
      for (const state of [asked, crawls, over]) {
        assert.deepStrictEqual(Schema.decodeSync(Written)(Schema.encodeSync(Written)(state)), state)
      }
    }).pipe(Effect.provide(world(
      (_, turn) =>
        turn === 0
          ? Effect.as(Deferred.await(gates.model), calls(call("c", "Crawl", { page: 1 })))
          : answer("that is all"),
      layer
    )))
  })

  it.effect("M-156: says that a conversation is being summed up, and that a run which waits does nothing", () => {
    const gate = Deferred.makeUnsafe<void>()
    const { agent, layer } = crawling(() => Effect.succeed("x".repeat(1_000)), {
      compaction: { keepLast: 1, strategy: "summarise", contextLimit: 1_000 }
    })
    return Effect.gen(function*() {
      const run = yield* agent.start("go", { id: "1" })
      yield* settled
      const { progress } = yield* AgentState.of(run)
      assert.deepInclude(progress, { currentActivity: "compacting", lastTool: "Crawl" })
      // A step that is under way is waited for.
      yield* (yield* Runs).pause(run, { by: "ada" })
      yield* settled
      assert.deepInclude((yield* AgentState.of(run)).progress, { currentActivity: "compacting" })
      yield* Deferred.succeed(gate, undefined)
      yield* settled
      const paused = yield* AgentState.of(run)
      assert.deepInclude(paused, { status: "paused", response: null })
      assert.strictEqual(paused.progress.currentActivity, "idle")
      yield* (yield* Runs).resume(run, { by: "ada" })
      yield* settled
      assert.deepInclude(yield* AgentState.of(run), { status: "done" })
    }).pipe(Effect.provide(world(({ prompt: { content } }, turn) => {
      if (JSON.stringify(content).includes("Sum up this conversation")) {
        return Effect.as(Deferred.await(gate), answer("it was long"))
      }
      if (JSON.stringify(content).includes("it was long")) return answer("done")
      return [call(`${turn}`, "Crawl", { page: turn }), stop("tool-calls", turn < 2 ? 100 : 990)]
    }, layer)))
  })

  it.effect("M-154: begins when a process takes the run up, and its heartbeat goes on with what is recorded", () => {
    const gate = Deferred.makeUnsafe<void>()
    const { agent, layer } = crawling(() => Effect.as(Deferred.await(gate), "a page"))
    return Effect.gen(function*() {
      const test = yield* TestHost
      yield* test.adjust("5 minutes")
      const run = yield* agent.start("go", { id: "1" })
      yield* settled
      const before = yield* AgentState.of(run)
      assert.deepInclude(before, { startedAt: 300_000, lastHeartbeat: 300_000 })
      yield* test.adjust("7 seconds")
      assert.deepStrictEqual(yield* AgentState.of(run), before, "nothing has changed, so nothing is written")
      yield* Deferred.succeed(gate, undefined)
      yield* settled
      assert.deepInclude(yield* AgentState.of(run), { startedAt: 300_000, lastHeartbeat: 307_000 })
    }).pipe(Effect.provide(world(inTurn(calls(call("c", "Crawl", { page: 1 })), answer("done")), layer)))
  })

  it.effect("M-153: is queued, running, paused, done, failed, cancelled or not_found", () => {
    const store = MemoryBackend.makeStore()
    const gate = Deferred.makeUnsafe<void>()
    const { agent, layer } = withTools(Toolkit.make(Write), { Write: () => Effect.succeed("written") })
    // A process that serves the agent and takes no run up, and one that works.
    const host = (options: Partial<EngineOptions>, agents: Parameters<typeof over>[2]) =>
      over(
        (asked) =>
          JSON.stringify(asked.prompt.content).includes("breaks")
            ? Effect.fail(
              new ModelFailed({
                model: "m",
                code: "ERR_REFUSED",
                problem: "no",
                retryable: false,
                maybePaid: false
              })
            )
            : asked.prompt.content.length > 2
            ? answer("done")
            : Effect.as(Deferred.await(gate), calls(call("w", "Write", { path: "p" }))),
        TestHost.layerOf(MemoryBackend.make(store), options),
        agents
      )
    const stands = (run: string) => Effect.map(AgentState.of(run), ({ status }) => status)
    return Effect.gen(function*() {
      const asked = yield* Effect.gen(function*() {
        const runs = yield* Runs
        const { runId } = yield* runs.start("agent", { id: "1", input: "go" })
        assert.deepInclude(yield* AgentState.of(runId), { status: "queued", startedAt: null, response: null })
        return runId
      }).pipe(Effect.provide(host({ worker: false }, [layer])))
      yield* Effect.gen(function*() {
        const runs = yield* Runs
        yield* settled
        assert.strictEqual(yield* stands(asked), "running")
        yield* Deferred.succeed(gate, undefined)
        yield* settled
        const { meta: { pendingCall } } = yield* AgentResponse.of(asked)
        assert.strictEqual(yield* stands(asked), "paused")
        yield* runs.answer(pendingCall!.approval, { decision: "approve", by: "operator" })
        const broken = yield* agent.start("this breaks", { id: "2" })
        const stopped = yield* agent.start("go", { id: "3" })
        yield* settled
        yield* runs.cancel(stopped, { by: "ada", reason: "enough" })
        yield* settled
        for (const [run, status] of [[asked, "done"], [broken, "failed"], [stopped, "cancelled"]] as const) {
          const state = yield* AgentState.of(run)
          assert.strictEqual(state.status, status)
          assert.deepStrictEqual(state.response, yield* AgentResponse.of(run))
        }
        const none = yield* AgentState.of("f".repeat(32))
        assert.deepInclude(none, { status: "not_found", startedAt: null, lastHeartbeat: null, response: null })
      }).pipe(Effect.provide(host({}, [layer])))
    })
  })

  it.effect("M-159: nothing is written for it: a run that is looked at all the time has the commits of one that is not", () => {
    const written = (isWatched: boolean) => {
      const commits: Array<string> = []
      const backend = MemoryBackend.make(MemoryBackend.makeStore())
      const counting: Backend = {
        ...backend,
        write: (ops) =>
          Effect.suspend(() => {
            commits.push(ops.map(({ op }) => op).join())
            return backend.write(ops)
          })
      }
      const { agent, layer } = crawling(() => Effect.succeed("a page"))
      const script: Script = Effect.fnUntraced(function*(_, turn) {
        return turn < 20 ? calls(call(`${turn}`, "Crawl", { page: turn })) : answer("done")
      })
      return Effect.gen(function*() {
        const run = yield* agent.start("go", { id: "1" })
        const look = Effect.forever(Effect.andThen(AgentState.of(run), Effect.yieldNow))
        if (isWatched) yield* Effect.forkScoped(look)
        yield* settled
        assert.deepInclude(yield* AgentState.of(run), { status: "done" })
        return commits
      }).pipe(Effect.scoped, Effect.provide(over(script, TestHost.layerOf(counting), [layer])))
    }
    return Effect.gen(function*() {
      assert.deepStrictEqual(yield* written(true), yield* written(false))
    })
  })
})

/** What a run came to, whoever has waited for it. */
interface Came {
  readonly output: unknown
  readonly turns: number
  readonly usage: unknown
  readonly code: string | undefined
}

describe("a run that is waited for, and one that is not", () => {
  const programs: ReadonlyArray<readonly [name: string, script: Script, decision?: "approve" | "deny"]> = [
    ["an answer", inTurn(answer("done"))],
    ["a call and an answer", inTurn(calls(call("c", "Crawl", { page: 1 })), answer("done"))],
    ["a call that people let in", inTurn(calls(call("w", "Write", { path: "p" })), answer("done")), "approve"],
    ["a call that people do not let in", inTurn(calls(call("w", "Write", { path: "p" })), answer("done")), "deny"],
    ["a model that refuses", () => [stop("content-filter")]],
    ["calls without an end", (_, turn) => calls(call(`${turn}`, "Crawl", { page: turn }))]
  ]
  for (const [name, script, decision] of programs) {
    it.effect(`M-143, M-149: come to the same: ${name}`, () => {
      const { agent, layer } = withTools(Toolkit.make(Crawl, Write), {
        Crawl: () => Effect.succeed("a page"),
        Write: () => Effect.succeed("written")
      }, { limits: { turns: 4 } })
      /** Goes on with what waits, by the verb that answers at once. */
      const resume = Effect.fnUntraced(function*(run: string) {
        yield* settled
        const { meta: { pendingCall }, status } = yield* AgentResponse.of(run)
        assert.strictEqual(status === "paused", decision !== undefined)
        if (decision === undefined) return
        yield* (yield* Runs).answer(pendingCall!.approval, { decision, by: "operator" })
        yield* settled
      })
      const waited = Effect.gen(function*() {
        const waiting = yield* Effect.forkChild(Effect.result(agent.run("go", { id: "1" })), { startImmediately: true })
        yield* settled
        const [asked] = yield* (yield* Runs).list({})
        yield* resume(asked!.id)
        const came = yield* Fiber.join(waiting)
        return Result.isSuccess(came)
          ? { output: came.success.output, turns: came.success.turns, usage: came.success.usage, code: undefined }
          : { output: null, turns: came.failure.turns, usage: undefined, code: came.failure.code }
      })
      const polled = Effect.gen(function*() {
        const run = yield* agent.start("go", { id: "1" })
        yield* resume(run)
        const { progress: { turns }, response } = yield* AgentState.of(run)
        const { data, errors: [error], meta: { usage } } = response!
        return { output: data, turns, usage: error === undefined ? usage : undefined, code: error?.code }
      })
      const here = <E, R extends Layer.Success<ReturnType<typeof world>>>(program: Effect.Effect<Came, E, R>) =>
        program.pipe(Effect.provide(world(script, layer)))
      return Effect.gen(function*() {
        assert.deepStrictEqual(yield* here(polled), yield* here(waited))
      })
    })
  }
})
