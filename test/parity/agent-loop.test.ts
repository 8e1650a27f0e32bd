import { assert, describe, it } from "@effect/vitest"
import {
  Agent,
  AgentDefaults,
  AgentErrors,
  AgentObserver,
  AgentResponse,
  AgentTool,
  Policy,
  type Skill,
  Transcript
} from "@fermata/agent"
import { ModelFailed } from "@fermata/agent/Model"
import * as Scripted from "@fermata/agent/model/Scripted"
import { Runs } from "@fermata/engine/Runs"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Ref, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { answer, call, calls, inTurn, said, say, stop, Wire, withTools, world } from "./AgentWorld.ts"

const reads = AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" })
const Read = Tool.make("Read", { parameters: Schema.Struct({ path: Schema.String }), success: Schema.String })
  .annotateMerge(reads)
const Write = Tool.make("Write", {
  parameters: Schema.Struct({ path: Schema.String, content: Schema.String }),
  success: Schema.String
})
const readKit = Toolkit.make(Read)
const bothKit = Toolkit.make(Read, Write)
const bare = (options: Partial<Agent.Options<typeof Schema.String, typeof Schema.String, {}>> = {}) =>
  Agent.make("agent", { instructions: "Do it.", model: "m", ...options })

/** Starts a run of the agent, and waits until it can do no more by itself. */
const begin = (agent: Pick<ReturnType<typeof bare>, "start">) =>
  Effect.gen(function*() {
    const run = yield* agent.start("go", { id: "1" })
    yield* (yield* TestHost).settled
    return run
  })

describe("construction and defaults", () => {
  it.effect("M-11, M-17, M-23: no option but instructions is mandatory, and a request is made by the defaults of one file", () => {
    const agent = Agent.make("agent", { instructions: "Do it." })
    return Effect.gen(function*() {
      yield* agent.run("go")
      const [asked] = yield* Wire
      assert.strictEqual(asked!.model, AgentDefaults.defaults.model)
      assert.strictEqual(asked!.maxTokens, 8_192)
      const { maxRetries, maxTurns, runTimeoutMs, toolConcurrency, turnTimeoutMs } = AgentDefaults.defaults
      assert.deepStrictEqual([maxTurns, turnTimeoutMs, runTimeoutMs, toolConcurrency, maxRetries], [
        50,
        300_000,
        1_800_000,
        10,
        2
      ])
    }).pipe(Effect.provide(world({ [AgentDefaults.defaults.model]: inTurn(answer("done")) }, agent.layer)))
  })

  it.effect("M-20: the model is told of the tools that the agent has, and of no others; a call of another is told so", () => {
    const { agent, layer } = withTools(readKit, { Read: () => Effect.succeed("text") })
    return Effect.gen(function*() {
      yield* agent.run("go")
      const asked = yield* Wire
      assert.deepStrictEqual(asked[0]!.tools.map(({ name }) => name), ["Read"])
      assert.include(said(asked[1]!).at(-1)!, "there is no tool \\\"Bash\\\"; there is Read")
    }).pipe(Effect.provide(world(inTurn(calls(call("a", "Bash", {})), answer("done")), layer)))
  })

  it.effect("M-21: an agent of one's own is one that the model may give work to", () => {
    const helper = Agent.make("helper", { instructions: "helper", model: "h" })
    const boss = bare({ agents: [helper] })
    return Effect.gen(function*() {
      const { output } = yield* boss.run("go")
      assert.strictEqual(output, "done")
      assert.include(said((yield* Wire).at(-1)!).at(-1)!, "helped")
    }).pipe(
      Effect.provide(
        world(
          { m: inTurn(calls(call("a", "helper", { prompt: "help" })), answer("done")), h: inTurn(answer("helped")) },
          boss.layer,
          helper.layer
        )
      )
    )
  })

  it.effect("M-28: the profile of other engines allows every tool, where people are asked by default", () => {
    const script = inTurn(calls(call("a", "Write", { path: "p", content: "c" })), answer("done"))
    const lives = (policy: Policy.Policy | undefined) => {
      const { agent, layer } = withTools(bothKit, {
        Read: () => Effect.succeed(""),
        Write: () => Effect.succeed("written")
      }, policy === undefined ? {} : { policy })
      return Effect.gen(function*() {
        const run = yield* begin(agent)
        return (yield* AgentResponse.of(run)).status
      }).pipe(Effect.provide(world(script, layer)))
    }
    return Effect.gen(function*() {
      assert.strictEqual(yield* lives(undefined), "paused")
      assert.strictEqual(yield* lives(Policy.open), "done")
      assert.strictEqual(yield* lives(Policy.locked), "done")
    })
  })
})

describe("the response", () => {
  it.effect("M-34, M-36, M-37, M-38, M-39: one shape for every status, with turns and tokens as they were", () => {
    const { agent, layer } = withTools(readKit, { Read: () => Effect.succeed("text") })
    return Effect.gen(function*() {
      const run = yield* begin(agent)
      const response = yield* AgentResponse.of(run)
      assert.isTrue(Schema.is(AgentResponse.AgentResponse)(response))
      assert.deepInclude(response, { runId: run, status: "done", data: "All done.", errors: [] })
      assert.deepStrictEqual(response.meta, {
        agent: "agent",
        turns: 2,
        messages: 3,
        entries: (yield* (yield* Runs).journal(run)).length,
        usage: { input: 200, cacheRead: 0, cacheWrite: 0, output: 100 },
        cost: { usd: 0.024, tokens: 300, estimated: true },
        durationMs: 0,
        output: "All done.",
        lastMessage: "model~2",
        lastShardIndex: 0
      })
    }).pipe(
      Effect.provide(
        world(inTurn(calls(...say("I look."), call("a", "Read", { path: "p" })), answer("All done.")), layer)
      )
    )
  })

  it.effect("M-40: an output with a schema is parsed and checked, and the raw text is kept beside", () => {
    const Tiers = Schema.Struct({ tiers: Schema.Array(Schema.Struct({ name: Schema.String, price: Schema.Int })) })
    const agent = Agent.make("agent", { instructions: "Price it.", model: "m", output: Tiers })
    const raw =
      "{\"tiers\":[{\"name\":\"Starter\",\"price\":29},{\"name\":\"Pro\",\"price\":99},{\"name\":\"Enterprise\",\"price\":299}]}"
    return Effect.gen(function*() {
      const { output } = yield* agent.run("go", { id: "1" })
      assert.deepStrictEqual(output.tiers.map(({ price }) => price), [29, 99, 299])
      const run = yield* begin(agent)
      const response = yield* AgentResponse.of(run)
      assert.deepStrictEqual(response.data, output)
      assert.strictEqual(response.meta.output, raw)
    }).pipe(Effect.provide(world(inTurn(answer(raw)), agent.layer)))
  })

  it.effect("M-41: leniently, prose is taken as it is; strictly it is asked for again, and fails with JSON_PARSE_FAILED", () => {
    const shape = Schema.Struct({ price: Schema.Int })
    const lenient = Agent.make("lenient", { instructions: "", model: "m", output: Agent.lenient(shape) })
    const strict = Agent.make("strict", { instructions: "", model: "m", output: shape })
    return Effect.gen(function*() {
      assert.strictEqual((yield* lenient.run("go")).output, "It costs 29.")
      assert.strictEqual((yield* Wire).length, 1)
      const failure = yield* Effect.flip(strict.run("go"))
      assert.strictEqual(failure.code, "JSON_PARSE_FAILED")
      assert.strictEqual((yield* Wire).length, 1 + 1 + AgentDefaults.defaults.repairs)
    }).pipe(Effect.provide(world(inTurn(answer("It costs 29.")), lenient.layer, strict.layer)))
  })

  it.effect("M-42, M-43, M-45, M-46, M-47, M-49: a pause holds what a person is to read and the call itself; the answer goes on in another process, and the totals with it", () => {
    const { agent, layer } = withTools(bothKit, {
      Read: () => Effect.succeed("text"),
      Write: ({ content }) => Effect.succeed(`wrote ${content.length}`)
    })
    return Effect.gen(function*() {
      const run = yield* begin(agent)
      const paused = yield* AgentResponse.of(run)
      assert.deepInclude(paused, { status: "paused", data: "# Memo", errors: [] })
      assert.deepInclude(paused.meta, { turns: 1, pauseReason: "gate_required" })
      const pending = paused.meta.pendingCall!
      assert.deepStrictEqual(pending.input, { path: "memo.md", content: "# Memo" })
      assert.strictEqual(pending.toolName, "Write")
      assert.strictEqual(pending.calledAt, "1970-01-01T00:00:00.000Z")
      yield* (yield* Runs).answer(pending.approval, { decision: "deny", by: "operator", note: "make it shorter" })
      yield* (yield* TestHost).settled
      assert.include(said((yield* Wire).at(-1)!).at(-1)!, "make it shorter")
      const done = yield* AgentResponse.of(run)
      assert.deepInclude(done, { status: "done", data: "Fine." })
      assert.deepInclude(done.meta, { turns: 2, usage: { input: 200, cacheRead: 0, cacheWrite: 0, output: 100 } })
    }).pipe(
      Effect.provide(
        world(inTurn(calls(call("a", "Write", { path: "memo.md", content: "# Memo" })), answer("Fine.")), layer)
      )
    )
  })

  it.effect("M-45: a question of a subagent is the pause of its parent, under a reason of its own", () => {
    const { agent: helper, layer } = withTools(bothKit, {
      Read: () => Effect.succeed(""),
      Write: () => Effect.succeed("")
    })
    const boss = Agent.make("boss", { instructions: "boss", model: "b", agents: [helper] })
    return Effect.gen(function*() {
      const paused = yield* AgentResponse.of(yield* begin(boss))
      assert.strictEqual(paused.meta.pauseReason, "subagent_gate_required")
      assert.notStrictEqual(paused.meta.pendingCall!.runId, paused.runId)
      assert.strictEqual(paused.data, "c")
    }).pipe(
      Effect.provide(
        world(
          {
            m: inTurn(calls(call("a", "Write", { path: "p", content: "c" })), answer("done")),
            b: inTurn(calls(call("a", "agent", { prompt: "help" })), answer("done"))
          },
          layer,
          boss.layer
        )
      )
    )
  })

  it.effect("M-50, M-51, M-53: a failed run tells its code, and what it took all the same", () => {
    const { agent, layer } = withTools(readKit, { Read: () => Effect.succeed("text") }, { limits: { turns: 2 } })
    return Effect.gen(function*() {
      const response = yield* AgentResponse.of(yield* begin(agent))
      assert.deepInclude(response, { status: "failed", data: null })
      assert.strictEqual(response.errors[0]!.code, "ERR_MAX_TURNS")
      assert.include(response.errors[0]!.message, "Run exceeded max turns")
      assert.deepInclude(response.meta, { turns: 2, usage: { input: 200, cacheRead: 0, cacheWrite: 0, output: 100 } })
    }).pipe(Effect.provide(world((_, turn) => calls(call(`${turn}`, "Read", { path: "p" })), layer)))
  })

  it.effect("M-66: a run that is not there is not_found, with a code", () =>
    Effect.gen(function*() {
      const response = yield* AgentResponse.of("run_of_nobody")
      assert.strictEqual(response.status, "not_found")
      assert.strictEqual(response.errors[0]!.code, "NOT_FOUND")
    }).pipe(Effect.provide(world(inTurn(answer(""))))))
})

describe("error codes", () => {
  it("M-68: every code is retryable, or not, wherever it stands", () => {
    const retryable = new Set([
      "ERR_RATE_LIMIT",
      "ERR_API",
      "ERR_API_OVERLOADED",
      "ERR_STREAM_INCOMPLETE",
      "ERR_TURN_TIMEOUT"
    ])
    for (const code of Object.keys(AgentErrors.codes) as Array<AgentErrors.Code>) {
      assert.strictEqual(AgentErrors.isRetryable(code), retryable.has(code), code)
    }
    for (
      const code of [
        "ERR_MAX_TURNS",
        "ERR_MAX_TOKENS",
        "ERR_RUN_TIMEOUT",
        "ERR_AUTH",
        "ERR_CONFIG",
        "ERR_STREAM_PARSE",
        "ERR_UNEXPECTED_STOP",
        "SCHEMA_VALIDATION_FAILED",
        "JSON_PARSE_FAILED",
        "NOT_FOUND"
      ]
    ) {
      assert.isTrue(code in AgentErrors.codes, code)
    }
  })

  it.effect("M-54, M-78: an answer that was cut is asked for with more tokens first, then continued three times, then given up", () => {
    const agent = bare()
    return Effect.gen(function*() {
      const failure = yield* Effect.flip(agent.run("go"))
      assert.deepInclude(failure, { code: "ERR_MAX_TOKENS", problem: "max_tokens recovery exhausted after 3 attempts" })
      const asked = yield* Wire
      assert.deepStrictEqual(asked.map(({ maxTokens }) => maxTokens), [8_192, 64_000, 64_000, 64_000, 64_000])
      assert.deepStrictEqual(asked.map(({ prompt }) => prompt.content.length), [2, 2, 4, 6, 8])
    }).pipe(Effect.provide(world(inTurn([...say("half"), stop("length")]), agent.layer)))
  })

  it.effect("M-78: an answer that is continued is one answer", () => {
    const agent = bare()
    return Effect.gen(function*() {
      assert.strictEqual((yield* agent.run("go")).output, "one two three")
    }).pipe(
      Effect.provide(
        world(
          ({ maxTokens }, turn) =>
            maxTokens < 10_000
              ? [...say("on"), stop("length")]
              : turn === 0
              ? [...say("one two "), stop("length")]
              : answer("three"),
          agent.layer
        )
      )
    )
  })

  it.effect("M-55: a run that works longer than it may fails under its own code", () => {
    const agent = bare({ limits: { runTimeout: "10 seconds" } })
    return Effect.gen(function*() {
      const test = yield* TestHost
      const run = yield* begin(agent)
      yield* test.adjust("11 seconds")
      const response = yield* AgentResponse.of(run)
      assert.strictEqual(response.status, "failed")
      assert.strictEqual(response.errors[0]!.code, "ERR_RUN_TIMEOUT")
    }).pipe(Effect.provide(world(() => Effect.never, agent.layer)))
  })

  it.effect("M-57, M-61: a provider that fails is asked again, and one that nobody can read is not", () => {
    const lives = (code: "ERR_API" | "ERR_STREAM_PARSE", retryable: boolean) => {
      const agent = bare()
      return Effect.gen(function*() {
        const test = yield* TestHost
        const run = yield* begin(agent)
        for (let wait = 0; wait < 4; wait++) yield* test.adjust("30 seconds")
        return [(yield* AgentResponse.of(run)).errors[0]!.code, (yield* Wire).length]
      }).pipe(
        Effect.provide(
          world(
            () => Effect.fail(new ModelFailed({ model: "m", code, problem: "", retryable, maybePaid: false })),
            agent.layer
          )
        )
      )
    }
    return Effect.gen(function*() {
      assert.deepStrictEqual(yield* lives("ERR_API", true), ["ERR_API", 3])
      assert.deepStrictEqual(yield* lives("ERR_STREAM_PARSE", false), ["ERR_STREAM_PARSE", 1])
    })
  })

  it.effect("M-58: a model that is overloaded is asked five times, and the fifth time in a row is the end", () => {
    const overloaded = Effect.fail(
      new ModelFailed({ model: "m", code: "ERR_API_OVERLOADED", problem: "529", retryable: true, maybePaid: false })
    )
    const lives = (failures: number) => {
      const agent = bare()
      let asked = 0
      return Effect.gen(function*() {
        const test = yield* TestHost
        const run = yield* begin(agent)
        for (let wait = 0; wait < 6; wait++) yield* test.adjust("30 seconds")
        return { asked, response: yield* AgentResponse.of(run) }
      }).pipe(Effect.provide(world(() => ++asked <= failures ? overloaded : answer("done"), agent.layer)))
    }
    return Effect.gen(function*() {
      const four = yield* lives(4)
      assert.deepStrictEqual([four.asked, four.response.status], [5, "done"])
      const five = yield* lives(5)
      assert.deepStrictEqual([five.asked, five.response.status], [5, "failed"])
      assert.strictEqual(five.response.errors[0]!.code, "ERR_API_OVERLOADED")
    })
  })

  it.effect("M-53: nor does an answer that was cut, or has no use, make one model call more than there may be", () =>
    Effect.gen(function*() {
      const lives = (parts: ReturnType<typeof say>, output: Schema.Top = Schema.String) => {
        const agent = Agent.make("agent", { instructions: "", model: "m", output, limits: { turns: 1 } })
        return Effect.gen(function*() {
          const failure = yield* Effect.flip(agent.run("go"))
          return [failure.code, (yield* Wire).length]
        }).pipe(Effect.provide(world(inTurn(parts), agent.layer)))
      }
      assert.deepStrictEqual(yield* lives([...say("half"), stop("length")]), ["ERR_MAX_TURNS", 1])
      assert.deepStrictEqual(yield* lives(answer("prose"), Schema.Struct({ a: Schema.Int })), ["ERR_MAX_TURNS", 1])
    }))

  it("M-60: an agent that cannot be is refused when it is defined, with what would be right", () => {
    assert.throws(() => bare({ limits: { turns: -1 } }), "limits.turns is -1; it must be a whole number from 1")
    assert.throws(() => bare({ limits: { toolConcurrency: 1.5 } }), "limits.toolConcurrency is 1.5")
    assert.throws(() => bare({ compaction: { threshold: 85 } }), "above 0 and at most 1")
    assert.throws(() => bare({ budget: { usd: -1 } }), "is none")
    assert.throws(() => bare({ agents: [bare(), bare()] }), "two tools \"agent\"")
  })

  it.effect("M-59: a key that is refused is refused once", () => {
    const agent = bare()
    return Effect.gen(function*() {
      const failure = yield* Effect.flip(agent.run("go"))
      assert.strictEqual(failure.code, "ERR_AUTH")
      assert.strictEqual((yield* Wire).length, 1)
    }).pipe(
      Effect.provide(
        world(
          () =>
            Effect.fail(
              new ModelFailed({ model: "m", code: "ERR_AUTH", problem: "401", retryable: false, maybePaid: false })
            ),
          agent.layer
        )
      )
    )
  })

  it.effect("M-63: a stop for a reason that nobody knows fails the run", () => {
    const agent = bare()
    return Effect.gen(function*() {
      assert.strictEqual((yield* Effect.flip(agent.run("go"))).code, "ERR_UNEXPECTED_STOP")
    }).pipe(Effect.provide(world(inTurn([...say("banana"), stop("unknown")]), agent.layer)))
  })

  it.effect("M-64: JSON of the wrong shape is asked for again with what is wrong, and is taken when it is mended", () => {
    const agent = Agent.make("agent", { instructions: "", model: "m", output: Schema.Struct({ price: Schema.Int }) })
    return Effect.gen(function*() {
      assert.deepStrictEqual((yield* agent.run("go")).output, { price: 29 })
      const asked = yield* Wire
      assert.strictEqual(asked.length, 2)
      assert.include(said(asked[1]!).at(-1)!, "price")
    }).pipe(Effect.provide(world(inTurn(answer("{\"price\":\"29\"}"), answer("{\"price\":29}")), agent.layer)))
  })

  it.effect("M-81: a call that hangs is cut at the timeout of a turn", () => {
    const agent = bare({ limits: { retries: 0, turnTimeout: "300 seconds" } })
    return Effect.gen(function*() {
      const test = yield* TestHost
      const run = yield* begin(agent)
      yield* test.adjust("299 seconds")
      assert.strictEqual((yield* AgentResponse.of(run)).status, "running")
      yield* test.adjust("1 second")
      const response = yield* AgentResponse.of(run)
      assert.strictEqual(response.errors[0]!.code, "ERR_TURN_TIMEOUT")
    }).pipe(Effect.provide(world(() => Effect.never, agent.layer)))
  })
})

describe("the loop", () => {
  it.effect("M-75: two calls of one id have a result each, and the next request is one that a model takes", () => {
    const { agent, layer } = withTools(readKit, { Read: ({ path }) => Effect.succeed(`text of ${path}`) })
    return Effect.gen(function*() {
      yield* agent.run("go")
      const last = said((yield* Wire)[1]!).at(-1)!
      assert.include(last, "text of p")
      assert.include(last, "text of q")
      assert.include(last, "\"id\":\"a~2\"")
    }).pipe(
      Effect.provide(
        world(inTurn(calls(call("a", "Read", { path: "p" }), call("a", "Read", { path: "q" })), answer("done")), layer)
      )
    )
  })

  it.effect("M-76: an empty answer is an answer", () => {
    const agent = bare()
    return Effect.gen(function*() {
      assert.strictEqual((yield* agent.run("go")).output, "")
    }).pipe(Effect.provide(world(inTurn([stop()]), agent.layer)))
  })

  it.effect("M-79: a conversation that the model refuses as too long is made shorter, and asked again", () => {
    const { agent, layer } = withTools(readKit, { Read: () => Effect.succeed("x".repeat(1_000)) }, {
      compaction: { keepLast: 1 }
    })
    let refused = 0
    return Effect.gen(function*() {
      assert.strictEqual((yield* agent.run("go")).output, "done")
      const lengths = (yield* Wire).map(({ prompt }) => prompt.content.length)
      assert.deepStrictEqual(lengths, [2, 4, 6, 8, 4])
    }).pipe(
      Effect.provide(
        world((asked, turn) => {
          if (asked.prompt.content.length < 8) {
            return turn === 1 && refused > 0
              ? answer("done")
              : calls(call(`${turn}`, "Read", { path: "p" }))
          }
          refused++
          return Effect.fail(
            new ModelFailed({
              model: "m",
              code: "ERR_PROMPT_TOO_LONG",
              problem: "413",
              retryable: false,
              maybePaid: false
            })
          )
        }, layer)
      )
    )
  })

  it.effect("M-130, M-131, M-132: safe tools go side by side, ten at most, others alone, and results are in the order of the calls", () => {
    const Look = Tool.make("Look", { parameters: Schema.Struct({ n: Schema.Int }), success: Schema.String })
      .annotateMerge(reads)
    const Turn = Tool.make("Turn", { parameters: Schema.Struct({ n: Schema.Int }), success: Schema.String })
      .annotateMerge(AgentTool.rules({ onCrash: "rerun", permission: "read" }))
    const kit = Toolkit.make(Look, Turn)
    return Effect.gen(function*() {
      const running = yield* Ref.make(0)
      const most = yield* Ref.make({ Look: 0, Turn: 0 })
      const busy = (tool: "Look" | "Turn") => ({ n }: { readonly n: number }) =>
        Effect.gen(function*() {
          const now = yield* Ref.updateAndGet(running, (count) => count + 1)
          yield* Ref.update(most, (all) => ({ ...all, [tool]: Math.max(all[tool], now) }))
          yield* Effect.sleep(1_000 - n)
          yield* Ref.update(running, (count) => count - 1)
          return `${tool} ${n}`
        })
      const { agent, layer } = withTools(kit, { Look: busy("Look"), Turn: busy("Turn") })
      const looks = Array.from({ length: 15 }, (_, n) => call(`l${n}`, "Look", { n }))
      const turns = Array.from({ length: 2 }, (_, n) => call(`t${n}`, "Turn", { n }))
      yield* Effect.gen(function*() {
        const test = yield* TestHost
        const run = yield* begin(agent)
        for (let second = 0; second < 5; second++) yield* test.adjust("1 second")
        assert.strictEqual((yield* AgentResponse.of(run)).status, "done")
        assert.deepStrictEqual(yield* Ref.get(most), { Look: 10, Turn: 1 })
        const results = (yield* Wire)[1]!.prompt.content.at(-1)!
        assert.deepStrictEqual(
          results.role === "tool" ? results.content.map((part) => part.type === "tool-result" ? part.id : "") : [],
          [...looks, ...turns].map((part) => "id" in part ? part.id : "")
        )
      }).pipe(Effect.provide(world(inTurn(calls(...looks, ...turns), answer("done")), layer)))
    })
  })

  it.effect("M-72, M-71: what a model thought is kept in the journal, and goes back to no other model", () => {
    const { agent, layer } = withTools(readKit, { Read: () => Effect.succeed("text") }, { model: ["thinker", "other"] })
    let failing = false
    return Effect.gen(function*() {
      const runs = yield* Runs
      const run = yield* begin(agent)
      yield* (yield* TestHost).adjust("1 minute")
      const asked = yield* Wire
      assert.deepStrictEqual(asked.map(({ model }) => model), ["thinker", "thinker", "other"])
      assert.include(said(asked[1]!).join(), "reasoning")
      assert.notInclude(said(asked[2]!).join(), "reasoning")
      assert.include(JSON.stringify(yield* runs.journal(run)), "let me think")
    }).pipe(
      Effect.provide(
        world({
          thinker: () => {
            if (failing) {
              return Effect.fail(
                new ModelFailed({
                  model: "thinker",
                  code: "ERR_API",
                  problem: "500",
                  retryable: true,
                  maybePaid: false
                })
              )
            }
            failing = true
            return calls(
              Scripted.thought("let me think"),
              call("a", "Read", { path: "p" })
            )
          },
          other: inTurn(calls(), answer("done"))
        }, layer)
      )
    )
  })
})

describe("transcripts", () => {
  it.effect("M-88, M-90, M-91: a run is told in shards of JSON lines, of which damage loses nothing but itself", () => {
    const { agent, layer } = withTools(readKit, { Read: ({ path }) => Effect.succeed(`text of ${path}`) })
    return Effect.gen(function*() {
      const view = yield* (yield* Runs).show(yield* begin(agent))
      const lines = Transcript.linesOf(view)
      assert.deepStrictEqual(lines.map(({ type }) => type), ["start", "answer", "tool", "answer", "end"])
      const shards = Transcript.shardsOf(lines, 2)
      assert.deepStrictEqual(shards.map(({ name }) => name), ["000000.jsonl", "000001.jsonl", "000002.jsonl"])
      assert.deepStrictEqual(Transcript.read(shards), { lines, damage: [] })
      const cut = shards.with(1, { ...shards[1]!, text: shards[1]!.text.slice(0, -20) })
      const { damage, lines: left } = Transcript.read(cut)
      assert.deepStrictEqual(left, lines.toSpliced(3, 1))
      assert.deepInclude(damage[0], { shard: "000001.jsonl", line: 2 })
    }).pipe(Effect.provide(world(inTurn(calls(call("a", "Read", { path: "p" })), answer("done")), layer)))
  })
})

describe("observers", () => {
  const watched = (observer: (heard: Array<string>) => AgentObserver.Observer) => {
    const heard: Array<string> = []
    const { agent, layer } = withTools(bothKit, {
      Read: () => Effect.succeed("text"),
      Write: () => Effect.succeed("written")
    })
    const script = inTurn(
      calls(call("a", "Read", { path: "p" }), call("b", "Write", { path: "q", content: "c" })),
      answer("done")
    )
    return Effect.gen(function*() {
      const run = yield* begin(agent)
      const { meta: { pendingCall } } = yield* AgentResponse.of(run)
      yield* (yield* Runs).answer(pendingCall!.approval, { decision: "approve", by: "operator" })
      yield* (yield* TestHost).settled
      return { heard, response: yield* AgentResponse.of(run) }
    }).pipe(Effect.provide(world(script, layer, AgentObserver.layer([agent], observer(heard)))))
  }
  const hear = (heard: Array<string>) => (what: string) => Effect.sync(() => void heard.push(what))

  it.effect("M-134 to M-139: hear of runs, turns and calls, with arguments and results, once for each", () =>
    Effect.gen(function*() {
      const { heard } = yield* watched((heard) => {
        const say = hear(heard)
        return {
          preRun: () => say("run"),
          postRun: ({ status, toolCallCount, turnCount }) =>
            say(`${status} after ${turnCount} turns and ${toolCallCount} calls`),
          preTurn: () => say("turn"),
          postTurn: () => say("turn over"),
          preToolCall: ({ params, tool }) => say(`${tool} ${JSON.stringify(params)}`),
          postToolCall: ({ outcome, tool }) => say(`${tool} gave ${JSON.stringify(outcome)}`)
        }
      })
      assert.deepStrictEqual(heard, [
        "run",
        "turn",
        "Read {\"path\":\"p\"}",
        "Read gave {\"isFailure\":false,\"result\":\"text\"}",
        "paused after 1 turns and 1 calls",
        "Write {\"path\":\"q\",\"content\":\"c\"}",
        "Write gave {\"isFailure\":false,\"result\":\"written\"}",
        "turn over",
        "turn",
        "turn over",
        "done after 2 turns and 2 calls"
      ])
    }))

  it.effect("M-134: an observer that fails or dies stops nothing", () =>
    Effect.gen(function*() {
      const { response } = yield* watched(() => ({
        preRun: () => Effect.die(new Error("no")),
        preTurn: () => Effect.fail("no"),
        preToolCall: () => {
          throw new Error("no")
        }
      }))
      assert.strictEqual(response.status, "done")
    }))

  it.effect("M-141: who is asked after each turn may end the run, which is done with what there is", () => {
    const { agent, layer } = withTools(readKit, { Read: () => Effect.succeed("text") }, {
      stop: ({ turns }) => turns >= 2
    })
    return Effect.gen(function*() {
      const { output, stopped, turns } = yield* agent.run("go")
      assert.deepStrictEqual([output, stopped, turns], ["turn 1", "policy", 2])
    }).pipe(
      Effect.provide(world((_, turn) => calls(...say(`turn ${turn}`), call(`${turn}`, "Read", { path: "p" })), layer))
    )
  })

  it.effect("M-140: who gates is policy: a refusal is told to the model, a question pauses the run", () => {
    const policy: Policy.Policy = ({ tool }) =>
      tool === "Write" ? { decision: "ask", approvers: ["editor"] } : { decision: "deny", reason: "not today" }
    const { agent, layer } = withTools(bothKit, {
      Read: () => Effect.die("called"),
      Write: () => Effect.succeed("written")
    }, { policy })
    return Effect.gen(function*() {
      const response = yield* AgentResponse.of(yield* begin(agent))
      assert.strictEqual(response.meta.pendingCall!.toolName, "Write")
      yield* (yield* Runs).answer(response.meta.pendingCall!.approval, { decision: "approve", by: "editor" })
      yield* (yield* TestHost).settled
      assert.include(said((yield* Wire)[1]!).at(-1)!, "it is not allowed: not today")
    }).pipe(
      Effect.provide(
        world(
          inTurn(
            calls(call("a", "Read", { path: "p" }), call("b", "Write", { path: "q", content: "c" })),
            answer("done")
          ),
          layer
        )
      )
    )
  })
})

describe("skills", () => {
  const skilled = (content: Skill.Skill["content"]) =>
    bare({
      skills: [{ name: "memo-style", description: "How memos are written", content }, {
        name: "brand-voice",
        description: "How we sound",
        content: "Softly."
      }]
    })

  it.effect("P-41, P-42: the model is told names and descriptions, and has the content once it asks for it, once", () => {
    let fetched = 0
    const agent = skilled(Effect.sync(() => `Short. ${++fetched}`))
    return Effect.gen(function*() {
      yield* agent.run("go")
      const asked = yield* Wire
      const first = said(asked[0]!).join()
      assert.include(first, "- memo-style: How memos are written")
      assert.notInclude(first, "Softly.")
      assert.notInclude(first, "Short.")
      assert.include(said(asked[1]!).at(-1)!, "Short. 1")
      assert.include(said(asked[2]!).at(-1)!, "is loaded already")
      assert.include(said(asked[3]!).at(-1)!, "nonsense")
      assert.strictEqual(fetched, 1)
    }).pipe(
      Effect.provide(
        world(
          inTurn(
            calls(call("a", "Skill", { name: "memo-style" })),
            calls(call("b", "Skill", { name: "memo-style" })),
            calls(call("c", "Skill", { name: "nonsense" })),
            answer("done")
          ),
          agent.layer
        )
      )
    )
  })

  it.effect("P-42: a skill that cannot be fetched is the failure of its call", () => {
    const agent = skilled(Effect.fail("the server is down"))
    return Effect.gen(function*() {
      yield* agent.run("go")
      assert.include(said((yield* Wire)[1]!).at(-1)!, "the server is down")
    }).pipe(
      Effect.provide(world(inTurn(calls(call("a", "Skill", { name: "memo-style" })), answer("done")), agent.layer))
    )
  })
})
