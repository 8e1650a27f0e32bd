/** Rules that people let stand as they answer, and the calls that go unasked by them. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, AgentTool, Models, Policy, Scripted } from "@fermata/agent"
import * as RunView from "@fermata/core/RunView"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import * as Upgrade from "@fermata/engine/Upgrade"
import { CrashHost } from "@fermata/testing"
import { Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import * as fc from "fast-check"
import { posix } from "node:path"
import corpus from "./policy/command-lines.json" with { type: "json" }

const text = { success: Schema.String }
const Bash = Tool.make("Bash", { parameters: Schema.Struct({ command: Schema.String }), ...text })
  .annotateMerge(
    AgentTool.rules({ onCrash: "rerun", permission: "process", subject: AgentTool.subject("command", "command") })
  )
const Edit = Tool.make("Edit", { parameters: Schema.Struct({ path: Schema.String }), ...text })
  .annotateMerge(AgentTool.rules({ onCrash: "rerun", subject: AgentTool.subject("path", "path") }))
const Fetch = Tool.make("WebFetch", { parameters: Schema.Struct({ url: Schema.String }), ...text })
  .annotateMerge(AgentTool.rules({ permission: "network", subject: AgentTool.subject("url", "url") }))
const Issue = Tool.make("mcp__github__issue", { parameters: Schema.Struct({ title: Schema.String }), ...text })
  .annotateMerge(AgentTool.rules({ permission: "network" }))
const kit = Toolkit.make(Bash, Edit, Fetch, Issue)

const policyCall = (tool: Tool.Any, params: Schema.Json, standing?: ReadonlyArray<string>): Policy.Call => ({
  agent: "coder",
  depth: 0,
  tool: tool.name,
  params,
  rules: AgentTool.rulesOf(tool, params),
  ...(standing === undefined ? {} : { standing })
})

/** With the names of objects in order. */
const sorted = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(sorted)
    : typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => a < b ? -1 : 1).map(([k, v]) => [k, sorted(v)]))
    : value

const offered = (policy: Policy.Policy, call: Policy.Call): ReadonlyArray<string> | undefined => {
  const decision = policy(call)
  return decision.decision === "ask" ? decision.always?.rules : undefined
}

describe("rules that a question offers", () => {
  const policy = Policy.rules({ workspace: "/shop", deny: ["Bash(rm:*)"], ask: ["Bash(git push:*)"] })
  const cases: ReadonlyArray<readonly [Tool.Any, Schema.Json, ReadonlyArray<string> | undefined]> = [
    [Bash, { command: "git status -s" }, ["Bash(git status -s)", "Bash(git status:*)"]],
    [Bash, { command: "npm run build" }, ["Bash(npm run build)", "Bash(npm run build:*)"]],
    [Bash, { command: "curl example.com" }, ["Bash(curl example.com)"]],
    [Bash, { command: "cd a && npm test" }, ["Bash(cd a && npm test)"]],
    [Bash, { command: "echo x > a.txt" }, ["Bash(echo x > a.txt)"]],
    // What no rule can name without naming more.
    [Bash, { command: "ls *.ts" }, undefined],
    [Bash, { command: "risk:reads" }, undefined],
    [Bash, { command: "echo a\u202eb" }, undefined],
    [Bash, { command: `echo ${"a".repeat(400)}` }, undefined],
    // What only its run shows, what cannot be read, and what a rule is about.
    [Bash, { command: "echo $HOME" }, undefined],
    [Bash, { command: "echo 'a" }, undefined],
    [Bash, { command: "x=1 make" }, undefined],
    [Bash, { command: "git push" }, undefined],
    [Bash, { command: 7 }, undefined],
    [Edit, { path: "/shop/src/a.ts" }, ["Edit(src/a.ts)"]],
    [Edit, { path: "a.ts" }, ["Edit(./a.ts)"]],
    [Edit, { path: "app/[id]/*.ts" }, [String.raw`Edit(app/\[id\]/\*.ts)`]],
    [Edit, { path: "a\\b.ts" }, undefined],
    [Edit, { path: "a\u202eb.ts" }, undefined],
    [Edit, { path: "/etc/hosts" }, ["Edit(/etc/hosts)"]],
    [Fetch, { url: "https://Example.com:8443/a?token=b" }, ["WebFetch(domain:example.com)"]],
    [Fetch, { url: "https://*.example.com/" }, undefined],
    [Fetch, { url: "no address" }, undefined],
    [Issue, { title: "a" }, ["mcp__github__issue(args:{\"title\":\"a\"})", "mcp__github__issue"]],
    [Issue, { title: "a\u202eb" }, ["mcp__github__issue"]],
    [Issue, { title: "a".repeat(300) }, ["mcp__github__issue"]]
  ]
  for (const [tool, params, rules] of cases) {
    it(`${tool.name} ${JSON.stringify(params).slice(0, 60)}: ${rules?.join(", ") ?? "none"}`, () => {
      assert.deepStrictEqual(offered(policy, policyCall(tool, params)), rules)
    })
  }

  it("say what each of them opens, and of a tool that has nothing else for rules to go by, which arguments", () => {
    const opens = (tool: Tool.Any, params: Schema.Json) => {
      const decision = Policy.rules({ workspace: "/shop" })(policyCall(tool, params))
      return decision.decision === "ask" ? decision.always?.opens : undefined
    }
    assert.deepStrictEqual(opens(Bash, { command: "git status" }), [
      "this very line",
      "lines that begin so, whatever follows"
    ])
    assert.deepStrictEqual(opens(Edit, { path: "a.ts" }), ["this file, whatever becomes of what is in it"])
    assert.deepStrictEqual(opens(Fetch, { url: "https://example.com/a" }), ["every address of this host"])
    assert.deepStrictEqual(opens(Issue, { title: "a" }), [
      "calls of it with exactly these arguments",
      "every call of it, whatever its arguments"
    ])
  })

  it("about arguments open a call with the same ones, in whatever order, and no other", () => {
    const arguments_ = fc.dictionary(fc.constantFrom("title", "body", "n"), fc.jsonValue({ maxDepth: 2 }))
    const backwards = (params: object): Schema.JsonObject =>
      Object.fromEntries(Object.entries(params).toReversed()) as Schema.JsonObject
    fc.assert(
      fc.property(arguments_, arguments_, (one, other) => {
        const of = (params: object, standing?: ReadonlyArray<string>) =>
          Policy.rules()(policyCall(Issue, JSON.parse(JSON.stringify(params)) as Schema.Json, standing))
        const asked = of(one)
        const [rule] = asked.decision === "ask" ? asked.always!.rules : []
        if (rule === "mcp__github__issue") return
        assert.strictEqual(of(backwards(one), [rule!]).decision, "allow", rule)
        const isSame = JSON.stringify(sorted(one)) === JSON.stringify(sorted(other))
        assert.strictEqual(of(other, [rule!]).decision, isSame ? "allow" : "ask", rule)
      }),
      { numRuns: 1_000 }
    )
    assert.throws(() => Policy.rules({ allow: ["mcp__github__issue(args:{)"] }), "is the JSON of arguments")
    assert.strictEqual(
      Policy.rules({ deny: ["mcp__github__issue(args:{\"title\":\"a\"})"] })(policyCall(Issue, { title: "a" }))
        .decision,
      "deny"
    )
  })

  it("are each about the call, and one that stands opens nothing that a rule forbids or asks about", () => {
    for (const { line } of corpus.lines) {
      const call = policyCall(Bash, { command: line })
      for (const rule of offered(Policy.rules(), call) ?? []) {
        const standing = { ...call, standing: [rule] }
        assert.deepStrictEqual(Policy.rules()(standing), { decision: "allow", standing: [rule] }, line)
        assert.strictEqual(Policy.rules({ deny: ["Bash"] })(standing).decision, "deny", line)
        assert.strictEqual(Policy.rules({ ask: ["Bash"] })(standing).decision, "ask", line)
        assert.strictEqual(Policy.rules({ mode: "locked" })(standing).decision, "deny", line)
      }
      const { decision } = Policy.rules(corpus.rules)(call)
      const all = Policy.rules(corpus.rules)({ ...call, standing: ["Bash", "*", "Bash(*)"] })
      if (decision !== "ask") assert.strictEqual(all.decision, decision, line)
    }
  })

  it("a line that cannot be read is opened by none, whatever stands", () => {
    for (const command of ["echo 'a", "eval x; $(", "f() { :; }; f", "x=1 make", "cat <<END", "a\0b"]) {
      const call = policyCall(Bash, { command }, ["Bash", "*", "Bash(*)", `Bash(${command})`])
      assert.strictEqual(Policy.rules()(call).decision, "ask", command)
    }
  })

  it("are about no other line, file or host", () => {
    const some = fc.array(fc.constantFrom(..."ab.*?[]{}()!+@|\\/ -", "ä"), { minLength: 1, maxLength: 8 })
      .map((all) => all.join(""))
    fc.assert(
      fc.property(fc.constantFrom([Bash, "command"], [Edit, "path"]), some, some, ([tool, name], one, other) => {
        const of = (value: string) => policyCall(tool as Tool.Any, { [name as string]: value })
        const known = offered(Policy.rules(), of(one)) ?? []
        for (const rule of known.filter((rule) => !rule.endsWith(":*)"))) {
          assert.strictEqual(Policy.rules()({ ...of(one), standing: [rule] }).decision, "allow", rule)
          const also = Policy.rules()({ ...of(other), standing: [rule] })
          if (also.decision !== "allow") continue
          const normal = (text: string) =>
            name === "command"
              // The same command is it with other spaces and quotes, in a shell of its own, turned round, or twice.
              ? [...new Set(text.replaceAll("\\", "").replaceAll(/[()|]/g, " ").split(/\s+/))]
                .filter((word) => !["", "!", "{", "}"].includes(word)).toSorted().join(" ")
              : posix.join("/shop", text).replace(/\/$/, "")
          assert.strictEqual(normal(other), normal(one), `${rule} is about ${other}`)
        }
      }),
      { numRuns: 3_000 }
    )
  })
})

const build = (commands: ReadonlyArray<string>, options: { readonly policy?: Policy.Policy } = {}) => {
  const made: Array<string> = []
  const handlers = kit.toLayer({
    Bash: ({ command }) => Effect.sync(() => `${made.push(command)} done`),
    Edit: () => Effect.succeed(""),
    WebFetch: () => Effect.succeed(""),
    mcp__github__issue: () => Effect.succeed("")
  })
  const agent = Agent.make("coder", {
    instructions: "Do it.",
    model: "m",
    toolkit: kit,
    policy: options.policy ?? Policy.rules({ workspace: "/shop" })
  })
  const script: Scripted.Script = (_, turn) =>
    turn < commands.length ? [Scripted.call("Bash", { command: commands[turn]! })] : "Done."
  const models = Models.layer([Scripted.provider(script, { name: "m" })])
  return { agent, made, layer: Layer.provide(agent.layer, Layer.mergeAll(handlers, models, Chunks.layerMemory)) }
}

const withRuns = <A, E>(host: CrashHost.Host, use: (runs: Runs["Service"]) => Effect.Effect<A, E>) =>
  host.use(Effect.provide(Effect.flatMap(Runs, use), Runs.layer))

const approve = (host: CrashHost.Host, always?: string) =>
  Effect.andThen(
    withRuns(host, (runs) =>
      Effect.gen(function*() {
        const question = (yield* runs.approvals()).find(({ status }) => status === "open")
        yield* runs.answer(question!.id, {
          decision: "approve",
          by: "operator",
          ...(always === undefined ? {} : { always })
        })
      })),
    host.settled
  )

const started = Effect.fnUntraced(function*(host: CrashHost.Host, { agent }: ReturnType<typeof build>, id: string) {
  const run = yield* host.use(agent.start("go", { id }))
  yield* host.settled
  return run
})

const notes = (world: CrashHost.World, run: string) =>
  Effect.map(
    world.journal(run),
    (entries) => RunView.of(run, entries).notes.filter(({ kind }) => kind === "policy").map(({ text }) => text)
  )

describe("a rule that stands", () => {
  it.effect("opens the like in the same run and in later ones, each of which says by whose rule", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const one = build(["git status", "git status", "git status -s"])
      const host = yield* world.start(one.layer)
      const run = yield* started(host, one, "1")
      yield* approve(host, "Bash(git status)")
      // The second went unasked, and the third is another line.
      assert.deepStrictEqual(one.made, ["git status", "git status"])
      const [note, ...others] = yield* notes(world, run)
      assert.isEmpty(others)
      assert.match(
        note!,
        /^nobody was asked about Bash, by rule Bash\(git status\) \([\da-f]{12}\), which operator let stand on 1970-01-01 00:00:00Z$/
      )
      yield* approve(host)
      assert.strictEqual((yield* world.run(run)).status, "completed")
      const later = yield* started(host, one, "2")
      assert.strictEqual((yield* world.run(later)).status, "suspended")
      assert.deepStrictEqual(one.made.slice(3), ["git status", "git status"])
    }))

  it.effect("is of its agent and workspace alone", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const one = build(["git status"])
      const host = yield* world.start(one.layer)
      yield* started(host, one, "1")
      yield* approve(host, "Bash(git status)")
      const elsewhere = build(["git status"], { policy: Policy.rules({ workspace: "/other" }) })
      const second = yield* world.restart(host, elsewhere.layer)
      assert.strictEqual((yield* world.run(yield* started(second, elsewhere, "2"))).reason, "approval")
    }))

  it.effect("that is taken back leaves what was decided by it as it is, and people are asked again", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const one = build(["git status", "git status", "npm test", "git status"])
      const host = yield* world.start(one.layer)
      const run = yield* started(host, one, "1")
      yield* approve(host, "Bash(git status)")
      const [rule] = yield* withRuns(host, (runs) => runs.rules())
      yield* withRuns(host, (runs) => runs.revoke(rule!.id))
      const again = build(["git status", "git status", "npm test", "git status"])
      const second = yield* world.restart(host, again.layer)
      yield* approve(second)
      // What was done under the rule is not done or asked again, and the last is asked about.
      assert.deepStrictEqual(again.made, ["npm test"])
      const [question] = yield* withRuns(second, (runs) => runs.approvals())
      assert.deepInclude(question, { runId: run, key: "Bash~3", args: { command: "git status" } })
      yield* approve(second)
      assert.strictEqual((yield* world.run(run)).status, "completed")
      assert.strictEqual((yield* notes(world, run)).length, 1)
    }))

  it.effect("and what was decided by it survive another policy of the agent: the run fits, and goes on", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const lines = ["git status", "git status", "npm test", "git status"]
      const one = build(lines)
      const host = yield* world.start(one.layer)
      const run = yield* started(host, one, "1")
      yield* approve(host, "Bash(git status)")
      const strict = Policy.rules({ workspace: "/shop", deny: ["Bash(git status)"] })
      const next = build(lines, { policy: strict })
      const second = yield* world.restart(host, next.layer)
      const report = yield* second.use(Effect.provide(Upgrade.check(), Runs.layer))
      assert.deepStrictEqual(report.breaks, [])
      assert.strictEqual(report.fits, 1)
      yield* approve(second)
      // The policy of now forbids what the rule, which still stands, would open.
      assert.deepStrictEqual(next.made, ["npm test"])
      assert.strictEqual((yield* world.run(run)).status, "completed")
    }))

  it.effect("overrules no policy in code that asks", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const one = build(["git status"])
      const host = yield* world.start(one.layer)
      yield* started(host, one, "1")
      yield* approve(host, "Bash(git status)")
      const careful = build(["git status"], {
        policy: () => ({ decision: "ask", approvers: ["operator"] })
      })
      const second = yield* world.restart(host, careful.layer)
      yield* started(second, careful, "2")
      assert.isEmpty(careful.made)
      const [question] = yield* withRuns(second, (runs) => runs.approvals())
      assert.notProperty(question, "standing")
    }))
})
