/** What MCP servers ask in the middle of a call: of people, and of models. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, McpHttp, type McpServer, McpServers, Models, Policy, Scripted } from "@fermata/agent"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import { CrashHost } from "@fermata/testing"
import {
  type CallToolResult,
  type ElicitRequest,
  ElicitResultSchema,
  McpError,
  UrlElicitationRequiredError
} from "@modelcontextprotocol/sdk/types.js"
import { Context, Effect, Fiber, Layer } from "effect"
import type { Prompt } from "effect/ai"
import { TestClock } from "effect/testing"
import { answer, call, calls, inTurn, said, Wire, world } from "./AgentWorld.ts"
import { McpStub, type StubTool, text } from "./McpStub.ts"

/** Ends when the servers of this process and what waits for them have had their turns. */
const turns = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

/** The questions that stand, once there are so many. */
const questions = (count: number) =>
  Effect.gen(function*() {
    const runs = yield* Runs
    return yield* Effect.repeat(Effect.andThen(turns, runs.approvals()), {
      until: (standing) => standing.length >= count
    })
  })

const form: ElicitRequest["params"] = {
  message: "Which branch?",
  requestedSchema: {
    type: "object",
    properties: {
      branch: { type: "string", minLength: 2, description: "where it goes" },
      force: { type: "boolean", default: false }
    },
    required: ["branch"]
  }
}

/** A tool that asks, and says what it was told. */
const asks = (params: ElicitRequest["params"] = form, annotations?: StubTool["annotations"]): StubTool => ({
  ...(annotations === undefined ? {} : { annotations }),
  handle: async (_, { ask }) => text(`told ${JSON.stringify(await ask({ method: "elicitation/create", params }))}`)
})

const clerk = (options: { readonly server?: string } = {}) =>
  Agent.make("clerk", { instructions: "Do it.", model: "m", mcp: [options.server ?? "s"], policy: Policy.open })

const once = inTurn(calls(call("1", "mcp__s__push", {})), answer("done"))

/** A run whose tool asks, with what is done about its question; gives what its model was told of the call. */
const answeredWith = (
  server: McpServer.McpServer,
  answers: Effect.Effect<unknown, unknown, Runs>
) =>
  Effect.gen(function*() {
    const agent = clerk()
    return yield* Effect.gen(function*() {
      const run = yield* Effect.forkChild(agent.run("go", { id: "1" }), { startImmediately: true })
      yield* answers
      yield* Fiber.join(run)
      return said((yield* Wire)[1]!).at(-1)!
    }).pipe(Effect.provide(world(once, Layer.provide(agent.layer, McpServers.layer({ s: server })))))
  })

const decide = (answer: { readonly decision: "approve" | "deny" }) =>
  Effect.gen(function*() {
    const [question] = yield* questions(1)
    yield* (yield* Runs).answer(question!.id, { by: "operator", ...answer })
    return question!
  })

describe("what an MCP server asks people", () => {
  it.effect("is a question of the run, with the fields that it wants, and what people fill in is what it is told", () =>
    Effect.gen(function*() {
      const stub = new McpStub()
      stub.tools = { push: asks() }
      const told = yield* answeredWith(
        stub.inMemory(),
        Effect.gen(function*() {
          const [question] = yield* questions(1)
          assert.include(question!.prompt, "MCP server \"s\" asks in a call of mcp__s__push: Which branch?")
          assert.include(question!.prompt, "- branch (string, needed): where it goes")
          assert.deepStrictEqual(question!.args, { force: false })
          assert.deepStrictEqual(question!.approvers, ["operator"])
          const runs = yield* Runs
          const refused = yield* Effect.flip(
            runs.answer(question!.id, { by: "operator", decision: "approve", edit: { branch: "m" } })
          )
          assert.include(refused.message, "branch")
          yield* runs.answer(question!.id, {
            by: "operator",
            decision: "approve",
            edit: { branch: "main", force: true }
          })
        })
      )
      assert.include(
        told,
        "\\\"action\\\":\\\"accept\\\",\\\"content\\\":{\\\"branch\\\":\\\"main\\\",\\\"force\\\":true}"
      )
      assert.deepStrictEqual(stub.calls, ["push"])
    }))

  it.effect("a yes that leaves out what is needed asks again, and says what is missing", () =>
    Effect.gen(function*() {
      const stub = new McpStub()
      stub.tools = { push: asks() }
      const told = yield* answeredWith(
        stub.inMemory(),
        Effect.gen(function*() {
          const first = yield* decide({ decision: "approve" })
          const runs = yield* Runs
          const [second] = yield* Effect.repeat(Effect.andThen(turns, runs.approvals()), {
            until: ([question]) => question !== undefined && question.id !== first.id
          })
          assert.match(second!.prompt, /does not fit: .*branch/)
          yield* runs.answer(second!.id, { by: "operator", decision: "approve", edit: { branch: "main" } })
        })
      )
      assert.include(told, "main")
      assert.deepStrictEqual(stub.calls, ["push"])
    }))

  it.effect("a no declines, and a deadline that passes cancels", () =>
    Effect.gen(function*() {
      const stub = new McpStub()
      stub.tools = { push: asks() }
      assert.include(
        yield* answeredWith(stub.inMemory(), decide({ decision: "deny" })),
        "told {\\\"action\\\":\\\"decline\\\"}"
      )
      const late = Effect.andThen(questions(1), TestClock.adjust("1 hour"))
      assert.include(
        yield* answeredWith(stub.inMemory({ elicitation: { timeout: "1 hour", approvers: ["desk"] } }), late),
        "told {\\\"action\\\":\\\"cancel\\\"}"
      )
    }))

  it.effect("an address is shown to people, who say whether they open it", () =>
    Effect.gen(function*() {
      const stub = new McpStub()
      stub.tools = {
        push: asks({ mode: "url", message: "Sign in", url: "https://id.example.com/x", elicitationId: "e1" })
      }
      const told = yield* answeredWith(
        stub.inMemory(),
        Effect.map(decide({ decision: "approve" }), ({ args, prompt }) => {
          assert.include(prompt, "https://id.example.com/x (id.example.com)")
          assert.deepStrictEqual(args, { url: "https://id.example.com/x" })
        })
      )
      assert.include(told, "told {\\\"action\\\":\\\"accept\\\"}")
    }))

  it.effect("a call that needs a page opened before (-32042) asks people for that, and is made again once they say that they have", () =>
    Effect.gen(function*() {
      let signedIn = 0
      const page = (name: string) => ({
        mode: "url" as const,
        message: `Sign in at ${name}`,
        url: `https://${name}.example.com/x?state=1`,
        elicitationId: name
      })
      const made = (wanted: ReadonlyArray<ReturnType<typeof page>>) => {
        const stub = new McpStub()
        stub.tools = {
          push: {
            handle: () => {
              if (signedIn < wanted.length) throw new UrlElicitationRequiredError([...wanted])
              return text(`pushed after ${signedIn}`)
            }
          }
        }
        return stub
      }
      const stub = made([page("one"), page("two")])
      const prompts: Array<string> = []
      const told = yield* answeredWith(
        stub.inMemory(),
        Effect.gen(function*() {
          const runs = yield* Runs
          for (const name of ["one", "two"]) {
            const [question] = yield* Effect.repeat(Effect.andThen(turns, runs.approvals()), {
              until: ([question]) => question?.prompt.includes(name) === true
            })
            prompts.push(question!.prompt)
            assert.deepStrictEqual(question!.args, { url: page(name).url })
            signedIn++
            yield* runs.answer(question!.id, { by: "operator", decision: "approve" })
          }
        })
      )
      assert.include(
        prompts[0],
        "does not make a call of mcp__s__push before somebody has opened a page: Sign in at one"
      )
      assert.include(prompts[0], "https://one.example.com/x?state=1 (one.example.com)")
      assert.include(told, "pushed after 2")
      assert.deepStrictEqual(stub.calls, ["push", "push"])

      signedIn = 0
      const never = made([page("one")])
      const denied = yield* answeredWith(never.inMemory(), decide({ decision: "deny" }))
      assert.include(
        denied,
        "wants https://one.example.com/x?state=1 opened before it does that, and people did not open it"
      )
      assert.deepStrictEqual(never.calls, ["push"])
      const late = made([page("one")])
      const timedOut = yield* answeredWith(
        late.inMemory({ elicitation: { timeout: "1 hour" } }),
        Effect.andThen(questions(1), TestClock.adjust("1 hour"))
      )
      assert.include(timedOut, "nobody has said in time that it was")
      // Where people may not be asked, and where what is wanted is no page, the call fails as it does.
      for (const [elicitation, url] of [[false, page("one").url], [{}, "file:///etc/passwd"]] as const) {
        const plain = made([{ ...page("one"), url }])
        const failed = yield* answeredWith(plain.inMemory({ elicitation }), Effect.void)
        assert.include(failed, "MCP error -32042")
      }
    }))

  it.effect("outside of a run it is declined, and a server that may not ask is told that nobody can be asked", () =>
    Effect.gen(function*() {
      for (const [elicitation, expected] of [[undefined, "decline"], [false, "refused"]] as const) {
        const stub = new McpStub()
        stub.tools = { push: asks() }
        const server = stub.inMemory(elicitation === undefined ? {} : { elicitation })
        yield* Effect.gen(function*() {
          yield* (yield* McpServers.CurrentServers).check("s")
          const told = yield* Effect.promise(() =>
            stub.servers[0]!.request({ method: "elicitation/create", params: form }, ElicitResultSchema)
              .then(({ action }) => action, () => "refused")
          )
          assert.strictEqual(told, expected)
        }).pipe(Effect.provide(McpServers.layer({ s: server })))
      }
    }))

  it.effect("of several calls at once, each is asked about by its own stream; where there is none, and nobody can tell, it is declined", () =>
    Effect.gen(function*() {
      for (const transport of ["http", "memory"] as const) {
        const stub = new McpStub()
        const both = Promise.withResolvers<void>()
        stub.tools = {
          push: {
            annotations: { readOnlyHint: true },
            handle: async ({ n }, { ask }) => {
              if (stub.calls.length === 2) both.resolve()
              await both.promise
              const told = await ask({ method: "elicitation/create", params: { ...form, message: `call ${n}` } })
              return text(`call ${n} was told ${JSON.stringify(told)}`)
            }
          }
        }
        const agent = clerk()
        const script = inTurn(
          calls(call("1", "mcp__s__push", { n: 1 }), call("2", "mcp__s__push", { n: 2 })),
          answer("done")
        )
        const server = transport === "http" ? McpHttp.server({ url: `${yield* stub.listen}/mcp` }) : stub.inMemory()
        yield* Effect.gen(function*() {
          const run = yield* Effect.forkChild(agent.run("go", { id: "1" }), { startImmediately: true })
          if (transport === "http") {
            const runs = yield* Runs
            yield* Effect.forEach(yield* questions(2), ({ id, prompt }) =>
              runs.answer(id, {
                by: "operator",
                decision: "approve",
                edit: { branch: `for ${/call \d/.exec(prompt)![0]}` }
              }))
          }
          yield* Fiber.join(run)
          const last = said((yield* Wire)[1]!).at(-1)!
          for (const n of [1, 2]) {
            if (transport === "http") assert.match(last, new RegExp(`call ${n} was told [^}]*for call ${n}`))
            else assert.include(last, `call ${n} was told {\\"action\\":\\"decline\\"}`)
          }
        }).pipe(Effect.provide(world(script, Layer.provide(agent.layer, McpServers.layer({ s: server })))))
      }
    }))
})

describe("a question of an MCP server, and a crash of ours while it stands", () => {
  /** A run whose process dies while the question stands, and is answered in the next. */
  const dies = Effect.fnUntraced(function*(
    stub: McpStub,
    server: () => McpServer.McpServer,
    ...others: ReadonlyArray<"approve" | "deny">
  ) {
    const told: Array<string> = []
    const build = () => {
      const agent = Agent.make("clerk", { instructions: "", model: "demo", mcp: ["s"], policy: Policy.open })
      const script: Scripted.Script = (request, turn) => {
        told.push(JSON.stringify(request.prompt.content.at(-1)))
        return turn === 0 ? [Scripted.call("mcp__s__push", {})] : "done"
      }
      const models = Models.layer([Scripted.provider(script, { name: "demo" })])
      return { agent, layer: Layer.provide(agent.layer, [models, chunks, McpServers.layer({ s: server() })]) }
    }
    const chunks = Layer.succeedContext(yield* Layer.build(Chunks.layerMemory))
    const crash = yield* CrashHost.make
    const first = build()
    const before = yield* crash.start(first.layer)
    const run = yield* before.use(first.agent.start("go", { id: "1" }))
    const standing = Effect.provide(Effect.flatMap(Runs, (runs) => runs.approvals()), Runs.layer)
    while ((yield* before.use(standing)).length === 0) yield* Effect.andThen(turns, before.settled)
    const after = yield* crash.restart(before, build().layer)
    const prompts: Array<string> = []
    const say = Effect.fnUntraced(function*(decision: "approve" | "deny", edit?: { readonly branch: string }) {
      let [question] = yield* after.use(standing)
      while (question === undefined || prompts.includes(question.prompt)) {
        yield* Effect.andThen(turns, after.settled)
        question = (yield* after.use(standing))[0]
      }
      prompts.push(question.prompt)
      const answer = { decision, by: "operator", ...(edit === undefined ? {} : { edit }) }
      yield* after.use(Effect.provide(Effect.flatMap(Runs, (runs) => runs.answer(question.id, answer)), Runs.layer))
    })
    yield* say("approve", { branch: "main" })
    for (const decision of others) yield* say(decision)
    while ((yield* crash.run(run)).status !== "completed") {
      yield* Effect.andThen(turns, after.settled)
      const { status, waits } = yield* crash.run(run)
      if (status === "failed") assert.fail(JSON.stringify([status, waits, yield* crash.story(run)]))
    }
    assert.deepStrictEqual(yield* after.use(standing), [])
    return { told: told.at(-1)!, calls: stub.calls.length, prompts }
  })

  it.effect("goes on with the call in its session, where the server keeps that: the tool has run once", () =>
    Effect.gen(function*() {
      const stub = new McpStub()
      stub.tools = { push: asks() }
      const url = `${yield* stub.listen}/mcp`
      const { calls, told } = yield* dies(stub, () => McpHttp.server({ url }))
      assert.include(told, "main")
      assert.strictEqual(calls, 1)
    }))

  it.effect("makes a call again that may be made again, and asks its question no more", () =>
    Effect.gen(function*() {
      const stub = new McpStub()
      stub.tools = { push: asks(form, { idempotentHint: true }) }
      const { calls, prompts, told } = yield* dies(stub, () => stub.inMemory())
      assert.include(told, "main")
      assert.strictEqual(calls, 2)
      assert.strictEqual(prompts.length, 1)
    }))

  it.effect("asks people whether any other call is made again", () =>
    Effect.gen(function*() {
      const again = new McpStub()
      again.tools = { push: asks() }
      const yes = yield* dies(again, () => again.inMemory(), "approve")
      assert.include(yes.told, "main")
      assert.include(yes.prompts[1], "was cut short, and MCP server \"s\" cannot tell what came of it")
      assert.strictEqual(yes.calls, 2)
      const never = new McpStub()
      never.tools = { push: asks() }
      const no = yield* dies(never, () => never.inMemory(), "deny")
      assert.include(no.told, "it may have done what it was asked to")
      assert.strictEqual(no.calls, 1)
    }))
})

describe("a call that goes on in another process", () => {
  /** A run whose process dies in a call, and what its model is told in the next; `rest` is what the tool does once that has begun. */
  const resumed = Effect.fnUntraced(function*(
    rest: (say: (progress: number) => Promise<void>) => Promise<CallToolResult>,
    takesImages = false
  ) {
    const stub = new McpStub()
    const goOn = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    stub.tools = {
      push: {
        handle: async (_, { progressToken, say }) => {
          begun.resolve()
          await goOn.promise
          return rest((progress) => say({ method: "notifications/progress", params: { progressToken, progress } }))
        }
      }
    }
    const url = `${yield* stub.listen}/mcp`
    const told: Array<Prompt.ToolResultPart> = []
    const store = yield* Layer.build(Chunks.layerMemory)
    const chunks = Layer.succeedContext(store)
    const build = () => {
      const agent = Agent.make("clerk", { instructions: "", model: "demo", mcp: ["s"], policy: Policy.open })
      const script: Scripted.Script = (request, turn) => {
        const last = request.prompt.content.at(-1)
        if (last?.role === "tool") {
          told.push(...last.content.flatMap((part) => part.type === "tool-result" ? [part] : []))
        }
        return turn === 0 ? [Scripted.call("mcp__s__push", {})] : "done"
      }
      const models = Models.layer([Scripted.provider(script, { name: "demo", takesImages })])
      const servers = McpServers.layer({ s: McpHttp.server({ url, callTimeout: "10 seconds" }) })
      return { agent, layer: Layer.provide(agent.layer, [models, chunks, servers]) }
    }
    const said = (run: string) =>
      Effect.map(
        Context.get(store, Chunks).read(run),
        (all) => all.map(({ value }) => value as Record<string, unknown>)
      )
    const crash = yield* CrashHost.make
    const first = build()
    const before = yield* crash.start(first.layer)
    const run = yield* before.use(first.agent.start("go", { id: "1" }))
    while (!(yield* said(run)).some(({ type }) => type === "mcp")) yield* Effect.andThen(turns, before.settled)
    yield* Effect.promise(() => begun.promise)
    const asked = stub.seen.length
    const after = yield* crash.restart(before, build().layer)
    while (!stub.seen.slice(asked).some(({ headers }) => "last-event-id" in headers)) {
      yield* Effect.andThen(turns, after.settled)
    }
    goOn.resolve()
    const over = Effect.gen(function*() {
      while ((yield* crash.run(run)).status !== "completed") {
        yield* Effect.andThen(turns, after.settled)
        const { status, waits } = yield* crash.run(run)
        if (status === "failed" || status === "suspended") assert.fail(JSON.stringify([status, waits]))
      }
    })
    return {
      stub,
      told,
      after,
      over,
      heard: Effect.map(said(run), (all) => all.flatMap(({ progress }) => progress ?? []))
    }
  })

  it.effect(
    "M-27: has its time anew with what its server says of it, which those are told who follow the run",
    () =>
      Effect.gen(function*() {
        const steps: Array<() => void> = []
        const { after, heard, over, stub, told } = yield* resumed(async (say) => {
          for (const progress of [1, 2]) {
            await new Promise<void>((resolve) => steps.push(resolve))
            await say(progress)
          }
          return text("pushed")
        })
        // Without a word it would be over after ten seconds.
        for (const progress of [1, 2]) {
          yield* TestClock.adjust("7 seconds")
          while (steps.length < progress) yield* turns
          steps.at(-1)!()
          while ((yield* heard).length < progress) yield* Effect.andThen(turns, after.settled)
        }
        yield* over
        assert.deepStrictEqual(yield* heard, [1, 2])
        assert.include(JSON.stringify(told), "pushed")
        assert.deepStrictEqual(stub.calls, ["push"])
      }),
    20_000
  )

  it.effect(
    "ends with an error of its server as any other does, and shows the pictures of its result",
    () =>
      Effect.gen(function*() {
        const failing = yield* resumed(() => Promise.reject(new McpError(-32602, "no such branch")))
        yield* failing.over
        assert.include(JSON.stringify(failing.told), "no such branch")
        assert.deepStrictEqual(failing.stub.calls, ["push"])
        const gif = Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", "base64")
        const drawing = yield* resumed(
          () => Promise.resolve({ content: [{ type: "image", data: gif.toString("base64"), mimeType: "image/gif" }] }),
          true
        )
        yield* drawing.over
        const [result] = drawing.told
        assert.include(JSON.stringify(result!.modelOutput?.map(({ type }) => type)), "file")
        assert.deepStrictEqual(drawing.stub.calls, ["push"])
      }),
    20_000
  )
})
