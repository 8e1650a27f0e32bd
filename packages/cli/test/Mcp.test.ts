/** Fermata as an MCP server: what clients are offered, what becomes of their calls, and what they read. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber } from "effect"
import { nameFor } from "../src/mcp/Offers.ts"
import * as RunResource from "../src/mcp/RunResource.ts"
import * as ToolShape from "../src/mcp/ToolShape.ts"
import { connect, type Connected, folder, server, textOf } from "./support/McpPlace.ts"

const own = [
  "fermata_runs_list",
  "fermata_run_show",
  "fermata_run_wait",
  "fermata_run_cancel",
  "fermata_run_signal",
  "fermata_approvals_list",
  "fermata_approval_show",
  "fermata_approval_answer",
  "fermata_approval_delegate"
]

describe("N-63: what is offered to MCP clients", () => {
  it.live("each workflow, agent and contract is a tool, with what it takes and gives, beside those for runs", () =>
    Effect.gen(function*() {
      const { client } = yield* connect(yield* server("ada"))
      assert.deepStrictEqual(client.getServerVersion(), { name: "fermata", title: "Fermata", version: "1.2.3" })
      const { tools } = yield* Effect.promise(() => client.listTools())
      assert.deepStrictEqual(
        tools.map(({ name }) => name).sort(),
        ["Fail", "Greet", "Keep", "Leak", "Long", "Refund", "Shop", "counter", "expense", "team_writer", ...own].sort()
      )
      const named = (name: string) => tools.find((tool) => tool.name === name)!
      const greet = named("Greet")
      assert.include(greet.description, "Greets somebody. Runs the workflow Greet, version 1.")
      assert.deepStrictEqual(Object.keys(greet.inputSchema.properties!), ["name", "_key", "_waitSeconds"])
      assert.deepStrictEqual(greet.inputSchema.required, ["name"])
      assert.deepStrictEqual(
        (greet.outputSchema!.properties!["output"] as { readonly required: unknown }).required,
        ["greeting"]
      )
      assert.deepStrictEqual(Object.keys(named("counter").inputSchema.properties!), ["things", "_key", "_waitSeconds"])
      assert.deepStrictEqual(Object.keys(named("team_writer").inputSchema.properties!), [
        "input",
        "_key",
        "_waitSeconds"
      ])
      assert.strictEqual(named("team_writer").title, "team.writer")
      assert.deepStrictEqual(Object.keys(named("expense").inputSchema.properties!), [
        "input",
        "event",
        "_key",
        "_waitSeconds"
      ])
    }))

  it.live("what is said of each tool is true: what only looks, what is one run however often it is called", () =>
    Effect.gen(function*() {
      const { client } = yield* connect(yield* server("ada"))
      const { tools } = yield* Effect.promise(() => client.listTools())
      const those = (hint: "readOnlyHint" | "idempotentHint" | "destructiveHint") =>
        tools.flatMap(({ annotations, name }) => annotations?.[hint] === true ? [name] : []).sort()
      const looking = own.filter((name) => /list|show|wait/.test(name)).sort()
      assert.deepStrictEqual(those("readOnlyHint"), looking)
      assert.deepStrictEqual(
        those("idempotentHint"),
        [
          "Fail",
          "Greet",
          "Keep",
          "Leak",
          "Long",
          "Refund",
          "Shop",
          "fermata_approval_answer",
          "fermata_run_cancel",
          ...looking
        ]
          .sort()
      )
      assert.deepStrictEqual(
        those("destructiveHint"),
        tools.map(({ name }) => name).filter((name) => !looking.includes(name)).sort()
      )
    }))

  it("names are such as every model takes, and no two the same", () => {
    const taken = new Set(["a_b"])
    assert.strictEqual(nameFor("a.b", taken), "a_b_2")
    assert.strictEqual(nameFor("a.b", new Set(["a_b", "a_b_2"])), "a_b_3")
    assert.strictEqual(nameFor("fermata_runs_list", new Set()), "run_fermata_runs_list")
    const long = "x".repeat(80)
    assert.strictEqual(nameFor(long, new Set(["x".repeat(64)])), `${"x".repeat(62)}_2`)
  })

  it("what is no object, or has a property that is said of the call, is one property", () => {
    const definitions = { Money: { type: "object", properties: { cents: { type: "integer" } }, required: ["cents"] } }
    assert.deepStrictEqual(ToolShape.asObject({ schema: { $ref: "#/$defs/Money" }, definitions })?.required, ["cents"])
    assert.isUndefined(ToolShape.asObject({ schema: { type: "string" }, definitions }))
    assert.isUndefined(ToolShape.asObject({ schema: { type: "object" }, definitions: {} }))
  })
})

describe("N-63: a call of a workflow", () => {
  it.live("starts a run, tells its steps, and gives what it came to; the same input is the same run", () =>
    Effect.gen(function*() {
      const shared = yield* server("ada")
      const { call, client, logged, progress, raw } = yield* connect(shared)
      yield* Effect.promise(() => client.listTools())
      const first = yield* call("Greet", { name: "Ada" })
      assert.deepInclude(first, { status: "completed", output: { greeting: "Hello Ada" } })
      assert.match(progress.join("\n"), /^\d+ ✓ record {2}/m)
      assert.deepStrictEqual(progress.map((line) => Number.parseInt(line)), progress.map((_, index) => index + 1))
      assert.deepStrictEqual(logged, progress.map((line) => line.replace(/^\d+ /, "")))
      const again = yield* call("Greet", { name: "Ada" })
      assert.deepInclude(again, { runId: first.runId, joined: true })
      const other = yield* call("Greet", { name: "Ada", _key: "once" })
      const keyed = yield* call("Greet", { name: "Bob", _key: "once" })
      assert.notStrictEqual(other.runId, first.runId)
      assert.deepInclude(keyed, { runId: other.runId, joined: true, otherInput: true })
      const { by } = yield* shared.host.runs.show(first.runId)
      assert.strictEqual(by, "ada")
      const result = yield* raw("Greet", { name: "Ada" })
      assert.deepStrictEqual(JSON.parse(textOf(result)), result.structuredContent)
      assert.include(JSON.stringify(result.content), `fermata://runs/${first.runId}`)
    }))

  it.live("tells a client that wants less logged what happens as progress alone", () =>
    Effect.gen(function*() {
      const { call, client, logged, progress } = yield* connect(yield* server("ada"))
      yield* Effect.promise(() => client.setLoggingLevel("warning"))
      yield* call("Greet", { name: "Ada" })
      assert.deepStrictEqual(logged, [])
      assert.isNotEmpty(progress)
      yield* Effect.promise(() => client.setLoggingLevel("info"))
      yield* call("Greet", { name: "Bob" })
      assert.isNotEmpty(logged)
    }))

  it.live("agents answer, and a contract is started by its input or as by its event", () =>
    Effect.gen(function*() {
      const shared = yield* server("boss")
      const { call } = yield* connect(shared)
      assert.strictEqual((yield* call("team_writer", { input: "go", _key: "w1" })).output, "said otherwise")
      assert.deepStrictEqual((yield* call("counter", { things: ["a", "b"] })).output, { count: 2 })
      const one = yield* call("expense", { input: { cents: 5 } })
      assert.deepInclude(one, { status: "suspended" })
      const two = yield* call("expense", { event: { cents: 7 }, _key: "e" })
      assert.strictEqual(two.questions![0]!.prompt, "Spend 7 cents?")
      const { trigger } = yield* shared.host.runs.show(two.runId)
      assert.strictEqual(trigger?.event, "expense.filed")
    }))

  it.live("a run that failed is an error with its reason; what was refused says what would be right", () =>
    Effect.gen(function*() {
      const { client, raw } = yield* connect(yield* server("ada"))
      const failed = yield* raw("Fail", { id: "1" })
      assert.isTrue(failed.isError)
      assert.deepInclude(failed.structuredContent, { status: "failed", error: "Broken: it was made to fail" })
      const unfit = yield* raw("Greet", {})
      assert.isTrue(unfit.isError)
      assert.strictEqual(textOf(unfit), "The input does not fit workflow \"Greet\": Missing key at [\"name\"]")
      const mistyped = yield* raw("Greet", { nam: "Ada" })
      assert.strictEqual(textOf(mistyped), "Greet takes no argument \"nam\"; did you mean \"name\"?")
      const odd = yield* raw("expense", { inputs: {}, amount: 5 })
      assert.include(textOf(odd), "expense takes no argument")
      assert.include(
        textOf(yield* raw("Greet", { name: "Ada", _waitSeconds: -1 })),
        "The arguments of Greet do not fit"
      )
      assert.include(
        textOf(yield* raw("fermata_run_show", { run: "1", all: true })),
        "do not fit: Expected no excess property at [\"all\"]"
      )
      assert.include(textOf(yield* raw("fermata_run_show", { run: "nobody" })), "There is no run")
      const exit = yield* Effect.exit(Effect.tryPromise(() => client.callTool({ name: "Gret" })))
      assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "-32602: There is no tool Gret")
    }))

  it.live("N-52: a run that a client starts with a traceparent is linked to the span of the client", () =>
    Effect.gen(function*() {
      const shared = yield* server("ada")
      const { client } = yield* connect(shared)
      const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
      const called = yield* Effect.promise(() =>
        client.callTool({ name: "Greet", arguments: { name: "Traced" }, _meta: { traceparent } })
      )
      const { runId } = called.structuredContent as { readonly runId: string }
      assert.deepInclude((yield* shared.host.store.journal(runId, 0, 1))[0], { caller: traceparent })
    }))

  it.live("a secret is told to nobody, whether it is in what comes out, in the journal or in a line", () =>
    Effect.gen(function*() {
      const canary = "canary-4eC39HqLyjWDarjt"
      process.env["MCP_CANARY"] = canary
      yield* Effect.addFinalizer(() => Effect.sync(() => delete process.env["MCP_CANARY"]))
      const { call, client, logged, progress, raw } = yield* connect(yield* server("ada"))
      const { output, resource, runId } = yield* call("Leak", { id: "1" })
      assert.strictEqual(output, "it is [secret MCP_CANARY]")
      const pages = yield* Effect.forEach(
        [resource, `${resource}/journal`],
        (uri) => Effect.promise(() => client.readResource({ uri }))
      )
      const shown = yield* raw("fermata_run_show", { run: runId })
      assert.notInclude(JSON.stringify([pages, shown, logged, progress]), canary)
    }))

  it.live("waits no longer than it is told to, and the run goes on; a call that is cancelled leaves its run alone", () =>
    Effect.gen(function*() {
      const shared = yield* server("ada")
      const { call, raw } = yield* connect(shared)
      const { next, runId, status } = yield* call("Shop", { id: "1", _waitSeconds: 0 })
      assert.notStrictEqual(status, "completed")
      assert.deepStrictEqual(next!.at(-1), { tool: "fermata_run_wait", arguments: { run: runId } })
      const asked = yield* call("Shop", { id: "1" })
      const signal = asked.next!.find(({ tool }) => tool === "fermata_run_signal")!
      assert.deepStrictEqual(signal.arguments, { run: runId, name: "paid", data: { cents: 1 } })
      assert.include(asked.next!.find(({ command }) => command !== undefined)!.command, `signal ${runId} paid`)
      const calling = yield* Effect.forkChild(raw("Refund", { order: "7", cents: 3, _key: "k" }))
      yield* Fiber.interrupt(calling)
      const sent = yield* raw("fermata_run_signal", { run: runId, name: "paid", data: { cents: 12 }, id: "s" })
      assert.deepInclude(sent.structuredContent, { runId, result: "accepted" })
      assert.deepInclude(yield* call("fermata_run_wait", { run: runId, waitSeconds: 60 }), {
        status: "completed",
        output: 12
      })
      const refund = yield* call("Refund", { order: "7", cents: 3, _key: "k" })
      assert.deepInclude(refund, { status: "suspended" })
      yield* raw("fermata_run_cancel", { run: refund.runId, reason: "wrong order" })
      const cancelled = yield* call("fermata_run_wait", { run: refund.runId })
      assert.deepInclude(cancelled, { status: "cancelled", error: "wrong order" })
    }))
})

describe("N-63: what a run asks people", () => {
  it.live("is in the result, with how to answer; only those who were asked may, by whatever client", () =>
    Effect.gen(function*() {
      const place = yield* folder
      const runId = yield* Effect.scoped(Effect.gen(function*() {
        const { call, raw } = yield* connect(yield* server("ada", place))
        const { next, questions, runId } = yield* call("Refund", { order: "1", cents: 5 })
        const [question] = questions!
        assert.strictEqual(question!.prompt, "Refund 5 cents?")
        assert.isFalse(next!.some(({ tool }) => tool === "fermata_approval_answer"))
        assert.include(next!.map(({ command }) => command).join("\n"), `approve ${runId} --as boss`)
        const refused = yield* raw("fermata_approval_answer", {
          approval: question!.approval,
          decision: "approve",
          choice: "card"
        })
        assert.isTrue(refused.isError)
        assert.match(textOf(refused), /boss.*finance/)
        const shown = yield* raw("fermata_approval_show", { approval: runId })
        assert.deepInclude(shown.structuredContent, { mayAnswer: false, answersAs: "ada" })
        const mine = yield* raw("fermata_approvals_list", { mine: true })
        assert.deepStrictEqual(mine.structuredContent, { answersAs: "ada", questions: [] })
        return runId
      }))
      const shared = yield* server("boss", place)
      const { call, raw } = yield* connect(shared)
      const open = yield* raw("fermata_approvals_list", { run: runId })
      assert.include(textOf(open), "Refund 5 cents?")
      const { next } = yield* call("Refund", { order: "1", cents: 5 })
      const answer = next!.find(({ tool }) => tool === "fermata_approval_answer")!
      const { structuredContent } = yield* raw("fermata_approval_answer", { ...answer.arguments, note: "fine" })
      assert.deepInclude(structuredContent, { status: "granted" })
      assert.deepInclude(yield* call("fermata_run_wait", { run: runId }), {
        status: "completed",
        output: "card by boss"
      })
      const { approvals } = yield* shared.host.runs.show(runId)
      assert.deepInclude(approvals[0]!.answers[0], { by: "boss", note: "fine (through MCP, by probe 9)" })
      assert.include(textOf(yield* raw("fermata_approval_show", { approval: runId })), "There is no open question")
    }))

  it.live("is asked at the client, where that can and its person may answer, and the call goes on", () =>
    Effect.gen(function*() {
      const shared = yield* server("finance")
      const forms: Array<{ readonly message: string; readonly requestedSchema?: object }> = []
      const { call } = yield* connect(shared, (form) => {
        forms.push(form)
        return forms.length === 1
          ? { action: "accept", content: { decision: "approve", choice: "cash", note: "by hand" } }
          : forms.length === 2
          ? { action: "decline" }
          : { action: "accept", content: { decision: "deny" } }
      })
      const paid = yield* call("Refund", { order: "1", cents: 5 })
      assert.deepInclude(paid, { status: "completed", output: "cash by finance" })
      assert.include(forms[0]!.message, "Refund 5 cents?")
      assert.include(forms[0]!.message, "\"order\": \"1\"")
      const { approvals } = yield* shared.host.runs.show(paid.runId)
      assert.deepInclude(approvals[0]!.answers[0], { by: "finance", note: "by hand (through MCP, by probe 9)" })
      const left = yield* call("Refund", { order: "2", cents: 5 })
      assert.deepInclude(left, { status: "suspended" })
      const denied = yield* call("fermata_run_wait", { run: left.runId })
      assert.deepInclude(denied, { status: "failed" })
      assert.lengthOf(forms, 3)
    }))

  it.live("is not asked of a person who may not answer", () =>
    Effect.gen(function*() {
      let asked = 0
      const { call } = yield* connect(yield* server("ada"), () => {
        asked++
        return { action: "accept", content: { decision: "approve" } }
      })
      assert.deepInclude(yield* call("Refund", { order: "1", cents: 5 }), { status: "suspended" })
      assert.strictEqual(asked, 0)
    }))
})

describe("N-63: runs as resources", () => {
  it.live("are listed, read whole and in parts, and found by their first characters", () =>
    Effect.gen(function*() {
      const { call, client, raw } = yield* connect(yield* server("ada"))
      const read = (uri: string) => Effect.promise(async () => (await client.readResource({ uri })).contents[0]!)
      const { resource, runId } = yield* call("Keep", { id: "1" })
      const agent = yield* call("team_writer", { input: "go" })
      const { resources } = yield* Effect.promise(() => client.listResources())
      assert.deepStrictEqual(resources.map(({ uri }) => uri), [
        "fermata://runs",
        "fermata://approvals",
        agent.resource,
        resource
      ])
      assert.deepInclude(
        JSON.parse((yield* read(resource) as never as Effect.Effect<{ readonly text: string }>).text),
        {
          id: runId,
          status: "completed"
        }
      )
      const journal = (yield* read(`${resource}/journal`)) as { readonly text: string }
      assert.deepInclude(JSON.parse(journal.text.split("\n")[0]!), { _tag: "RunRequested", by: "ada" })
      const transcript = (yield* read(`${agent.resource}/transcript`)) as { readonly text: string }
      assert.include(transcript.text, "said otherwise")
      const kept = yield* raw("fermata_run_wait", { run: runId })
      const links = kept.content.flatMap((one) => one.type === "resource_link" ? [one] : [])
      assert.deepStrictEqual(links.map(({ name }) => name), [`run ${runId}`, "all.bin"])
      assert.deepInclude(yield* read(links[1]!.uri), { mimeType: "application/octet-stream" })
      // Pictures, sounds and short texts are there whole.
      const [, log, chart, beep] = kept.content
      const { uri } = (log as { readonly resource: { readonly uri: string } }).resource
      assert.deepStrictEqual(log, { type: "resource", resource: { uri, mimeType: "text/plain", text: "all is well" } })
      assert.deepStrictEqual(chart, { type: "image", data: "iVBORwD/", mimeType: "image/png" })
      assert.deepStrictEqual(beep, { type: "audio", data: "AQ==", mimeType: "audio/wav" })
      assert.deepInclude(yield* read(uri), { text: "all is well" })
      assert.deepInclude(yield* read(`${resource}/artifacts/chart.png`), { mimeType: "image/png", blob: "iVBORwD/" })
      const runs = (yield* read("fermata://runs")) as { readonly text: string }
      assert.lengthOf(JSON.parse(runs.text) as ReadonlyArray<unknown>, 2)
      const { resourceTemplates } = yield* Effect.promise(() => client.listResourceTemplates())
      assert.lengthOf(resourceTemplates, 4)
      const complete = (name: string, value: string) =>
        Effect.promise(() =>
          client.complete({ ref: { type: "ref/resource", uri: "fermata://runs/{run}" }, argument: { name, value } })
        )
      assert.deepStrictEqual((yield* complete("run", runId.slice(0, 6))).completion.values, [runId])
      assert.deepStrictEqual((yield* complete("artifact", "b")).completion.values, [])
      for (const uri of ["fermata://nothing", "fermata://runs/%", `${resource}/artifacts`, "fermata://runs/nobody"]) {
        const exit = yield* Effect.exit(Effect.tryPromise(() => client.readResource({ uri })))
        assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "MCP error -32002: There is no", uri)
      }
    }))

  it.live("are told of when they change: that there is another, that one has gone on, that something is asked", () =>
    Effect.gen(function*() {
      const shared = yield* server("boss")
      const { changed, changes, client } = yield* connect(shared)
      const other = yield* connect(shared)
      const { resource, runId } = yield* other.call("Shop", { id: "1" })
      yield* changes(1)
      assert.deepStrictEqual(changed.splice(0), ["list"])
      for (const uri of [resource, resource, "fermata://approvals"]) {
        yield* Effect.promise(() => client.subscribeResource({ uri }))
      }
      yield* other.raw("fermata_run_signal", { run: runId, name: "paid", data: { cents: 1 } })
      yield* other.call("fermata_run_wait", { run: runId })
      yield* changes(1)
      yield* Effect.promise(() => client.unsubscribeResource({ uri: resource }))
      // What was told before stands in front of that answer.
      assert.deepStrictEqual([...new Set(changed.splice(0))], [resource])
      yield* other.call("Refund", { order: "1", cents: 5 })
      yield* changes(2)
      assert.deepStrictEqual(changed.splice(0).sort(), ["fermata://approvals", "list"])
      const exit = yield* Effect.exit(Effect.tryPromise(() => client.subscribeResource({ uri: "fermata://x" })))
      assert.isTrue(Exit.isFailure(exit))
    }))

  /** What is read from an address on, page by page, as each says where the next is. */
  const pagesFrom = (client: Connected["client"], first: string) =>
    Effect.gen(function*() {
      const pages: Array<string> = []
      let uri: string | undefined = first
      while (uri !== undefined) {
        const asked: string = uri
        const { contents } = yield* Effect.promise(() => client.readResource({ uri: asked }))
        const [page, more] = contents as ReadonlyArray<{ readonly uri: string; readonly text: string }>
        assert.strictEqual(page!.uri, asked)
        pages.push(page!.text)
        if (more !== undefined) assert.include(more.text, `The next are at ${more.uri}`)
        uri = more?.uri
      }
      return pages
    })

  it.live(
    "N-63: a journal of ten thousand entries is read page by page, each of which says where the next is",
    () =>
      Effect.gen(function*() {
        const shared = yield* server("ada")
        const { call, client } = yield* connect(shared)
        const { resource, runId } = yield* call("Long", { steps: 5_000, characters: 1 })
        const { entries } = yield* shared.host.runs.find(runId)
        assert.isAtLeast(entries, 10_000)
        const pages = yield* pagesFrom(client, `${resource}/journal`)
        const read = pages.map((page) => page.trimEnd().split("\n").map((line) => JSON.parse(line) as object))
        assert.strictEqual(pages.length, Math.ceil(entries / 500))
        for (const page of pages) assert.isAtMost(page.length, 200_000)
        assert.deepStrictEqual(read.flat().map((entry) => (entry as { readonly seq: number }).seq), [
          ...Array(entries).keys()
        ])
        assert.deepStrictEqual(read.flat(), JSON.parse(JSON.stringify(yield* shared.host.runs.journal(runId))))
        const [last, ...more] = yield* pagesFrom(client, `${resource}/journal?from=${entries - 1}`)
        assert.deepStrictEqual([last!.split("\n").length, more], [2, []])
        assert.deepStrictEqual(yield* pagesFrom(client, `${resource}/journal?from=${entries}`), [""])
        // The run itself has so many steps too.
        const { contents } = yield* Effect.promise(() => client.readResource({ uri: resource }))
        const view = JSON.parse((contents[0] as { readonly text: string }).text) as {
          readonly steps: ReadonlyArray<{ readonly key: string }>
          readonly leftOut: object
        }
        assert.deepStrictEqual([view.steps.length, view.leftOut], [200, { steps: 4_800 }])
        assert.strictEqual(view.steps.at(-1)!.key, "record~5000")
      }),
    60_000
  )

  it.live(
    "a page has no more characters than a client takes at once, but for one line that has more",
    () =>
      Effect.gen(function*() {
        const shared = yield* server("ada")
        const { call, client } = yield* connect(shared)
        for (const [steps, characters] of [[20, 30_000], [3, 300_000]] as const) {
          const { resource, runId } = yield* call("Long", { steps, characters })
          const pages = yield* pagesFrom(client, `${resource}/journal`)
          assert.strictEqual(
            pages.join(""),
            [...yield* shared.host.runs.journal(runId)].map((entry) => `${JSON.stringify(entry)}\n`).join("")
          )
          for (const page of pages) {
            assert.isTrue(page.length <= 200_000 || page.split("\n").length === 2, `${page.length}`)
          }
          assert.isAbove(pages.length, 1)
        }
      }),
    60_000
  )

  it.live("what was said in a run of an agent is read page by page too", () =>
    Effect.gen(function*() {
      const { call, client } = yield* connect(yield* server("ada"))
      const agent = yield* call("team_writer", { input: "x".repeat(250_000) })
      const [first, ...rest] = yield* pagesFrom(client, `${agent.resource}/transcript`)
      assert.strictEqual(first!.split("\n").length, 2)
      assert.include(rest.join(""), "said otherwise")
    }))

  it("addresses hold ids of every kind", () => {
    const run = "a b/1%"
    const uri = RunResource.uriOf(run, "journal")
    assert.deepStrictEqual(RunResource.placeOf(uri), { _tag: "Journal", run, from: 0 })
    assert.deepStrictEqual(RunResource.placeOf(RunResource.uriFrom("a?b", "transcript", 7)), {
      _tag: "Transcript",
      run: "a?b",
      from: 7
    })
    for (const query of ["?from=-1", "?from=x", "?form=1", "?", "?from=1&to=2"]) {
      assert.isUndefined(RunResource.placeOf(`${uri}${query}`), query)
    }
    assert.isUndefined(RunResource.placeOf(`${RunResource.uriOf(run)}?from=1`))
    assert.isUndefined(RunResource.placeOf("fermata://runs/"))
    assert.isUndefined(RunResource.placeOf("fermata://runs/a/b/c/d"))
  })
})

describe("N-63: the server's tools for runs", () => {
  it.live("list and show", () =>
    Effect.gen(function*() {
      const { call, raw } = yield* connect(yield* server("ada"))
      const { runId } = yield* call("Greet", { name: "Ada" })
      yield* call("Fail", { id: "1" })
      const { structuredContent } = yield* raw("fermata_runs_list", { status: ["completed"], limit: 5 })
      assert.deepStrictEqual(
        (structuredContent as { readonly runs: ReadonlyArray<{ readonly runId: string }> }).runs.map(({ runId }) =>
          runId
        ),
        [runId]
      )
      const shown = yield* raw("fermata_run_show", { run: runId.slice(0, 8) })
      assert.deepInclude(shown.structuredContent, {
        runId,
        status: "completed",
        version: "1",
        input: { name: "Ada" },
        steps: [{ key: "record", status: "completed" }, { key: "record~2", status: "completed" }]
      })
    }))
})
