/** Arguments that people edit are judged as those of the model are. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, AgentTool, Models, Policy, Scripted } from "@fermata/agent"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import { CrashHost } from "@fermata/testing"
import { Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

const Bash = Tool.make("Bash", { parameters: Schema.Struct({ command: Schema.String }), success: Schema.String })
  .annotateMerge(
    AgentTool.rules({ onCrash: "rerun", permission: "process", subject: AgentTool.subject("command", "command") })
  )
const kit = Toolkit.make(Bash)

const withoutRm = Policy.rules({ deny: ["Bash(rm:*)"] })

/** An agent that types `ls`, below as many others as `depth` says, each of which gives it the work. */
const build = (depth: number, policy: Policy.Policy = withoutRm) => {
  const made: Array<string> = []
  const told: Array<string> = []
  const typist = Agent.make("typist", { instructions: "Type.", model: "m", toolkit: kit, policy })
  const handlers = kit.toLayer({ Bash: ({ command }) => Effect.sync(() => `${made.push(command)} done`) })
  const above = Array.from({ length: depth }).reduce<ReadonlyArray<Agent.Any>>(
    (agents, _, index) => [
      Agent.make(`boss${index}`, {
        instructions: "Have it typed.",
        model: "m",
        agents: [agents[0]!],
        policy: Policy.open
      }),
      ...agents
    ],
    [typist]
  ) as ReadonlyArray<typeof typist>
  const script: Scripted.Script = (request, turn) => {
    const isTypist = JSON.stringify(request.prompt.content[0]).includes("Type.")
    if (turn > 0 && isTypist) told.push(JSON.stringify(request.prompt.content.at(-1)))
    if (turn > 0) return "Done."
    return [
      isTypist ? Scripted.call("Bash", { command: "ls" }) : Scripted.call(request.tools[0]!.name, { prompt: "go" })
    ]
  }
  const layer = Layer.mergeAll(...above.map((agent) => agent.layer) as [typeof typist.layer]).pipe(
    Layer.provide(
      Layer.mergeAll(handlers, Models.layer([Scripted.provider(script, { name: "m" })]), Chunks.layerMemory)
    )
  )
  return { first: above[0]!, made, told, layer }
}

const withRuns = <A, E>(host: CrashHost.Host, use: (runs: Runs["Service"]) => Effect.Effect<A, E>) =>
  host.use(Effect.provide(Effect.flatMap(Runs, use), Runs.layer))

const approve = (host: CrashHost.Host, edit?: Schema.Json) =>
  Effect.andThen(
    withRuns(host, (runs) =>
      Effect.gen(function*() {
        const [question] = yield* runs.approvals()
        yield* runs.answer(question!.id, {
          decision: "approve",
          by: "operator",
          ...(edit === undefined ? {} : { edit })
        })
      })),
    host.settled
  )

describe("S16: arguments that a person has edited", () => {
  for (const depth of [0, 1, 2]) {
    it.effect(`are refused where a rule forbids them, with why, and the question stands again (${depth} agents above)`, () =>
      Effect.gen(function*() {
        const world = yield* CrashHost.make
        const { first, layer, made, told } = build(depth)
        const host = yield* world.start(layer)
        const run = yield* host.use(first.start("go", { id: "1" }))
        yield* host.settled
        const [asked] = yield* withRuns(host, (runs) => runs.approvals())
        yield* approve(host, { command: "ls; rm -rf src" })
        assert.isEmpty(made)
        const [again] = yield* withRuns(host, (runs) => runs.approvals())
        assert.deepInclude(again, { id: asked!.id, status: "open", args: { command: "ls" } })
        const story = JSON.stringify(yield* world.journal(asked!.runId))
        assert.include(story, "the edited arguments are not allowed: rule Bash(rm:*) forbids it")
        // The same edit is refused at once from then on.
        const refused = yield* Effect.flip(
          withRuns(
            host,
            (runs) =>
              runs.answer(asked!.id, { decision: "approve", by: "operator", edit: { command: "ls; rm -rf src" } })
          )
        )
        assert.include(refused.message, "rule Bash(rm:*) forbids it")
        yield* approve(host, { command: "git status" })
        assert.deepStrictEqual(made, ["git status"])
        assert.include(told[0]!, "1 done")
        assert.strictEqual((yield* world.run(run)).status, "completed")
      }))
  }

  it.effect("that people would be asked about count as asked, and are judged by what holds as the answer comes", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const one = build(0, Policy.rules())
      const host = yield* world.start(one.layer)
      const run = yield* host.use(one.first.start("go", { id: "1" }))
      yield* host.settled
      const strict = build(0)
      const second = yield* world.restart(host, strict.layer)
      yield* approve(second, { command: "rm a" })
      assert.isEmpty(strict.made)
      assert.strictEqual((yield* world.run(run)).reason, "approval")
      yield* approve(second, { command: "curl example.com" })
      assert.deepStrictEqual(strict.made, ["curl example.com"])
      assert.strictEqual((yield* world.run(run)).status, "completed")
    }))

  it.effect("are not taken where policy would change them, and a replay judges nothing again", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const policy: Policy.Policy = ({ params }) =>
        JSON.stringify(params).includes("sudo")
          ? { decision: "modify", params: { command: "true" }, reason: "no sudo" }
          : { decision: "ask", approvers: ["operator"] }
      const one = build(0, policy)
      const host = yield* world.start(one.layer)
      const run = yield* host.use(one.first.start("go", { id: "1" }))
      yield* host.settled
      yield* approve(host, { command: "sudo ls" })
      assert.isEmpty(one.made)
      yield* approve(host, { command: "git log" })
      assert.deepStrictEqual(one.made, ["git log"])
      const locked = build(0, Policy.locked)
      const second = yield* world.restart(host, locked.layer)
      yield* second.settled
      assert.strictEqual((yield* world.run(run)).status, "completed")
      assert.isEmpty(locked.made)
    }))
})
