import { assert, describe, it } from "@effect/vitest"
import type { Answer } from "@fermata/core/Question"
import * as RunView from "@fermata/core/RunView"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Schema } from "effect"
import * as Approval from "../src/Approval.ts"
import * as Runs from "../src/Runs.ts"
import * as StandingRules from "../src/StandingRules.ts"
import * as Step from "../src/Step.ts"
import { assertOutput, begin, define, pass } from "./support/Program.ts"

const W = define("W")
const scope = { agent: "coder", workspace: "/shop" }
const offered = ["Bash(git status)", "Bash(git status:*)"] as const

const ask = (options: Partial<Approval.Options<typeof Schema.Json>> = {}) =>
  Approval.ask("Bash", {
    prompt: "May it?",
    approvers: ["ann", "bob"],
    args: { schema: Schema.Json, value: { command: "git status" }, editable: true },
    standing: { ...scope, rules: offered },
    ...options
  })

const look = Step.make("look", {
  success: Schema.Array(Schema.String),
  onCrash: "rerun",
  run: () =>
    Effect.map(Effect.orDie(StandingRules.of(scope)), (rules) => rules.map(({ by, rule }) => `${rule} of ${by}`))
})

const layer = W.toLayer(() =>
  Effect.gen(function*() {
    yield* Effect.orDie(ask())
    const first = yield* look()
    yield* Effect.sleep("1 day")
    return [...first, "then", ...(yield* look())]
  })
)

const setUp = Effect.gen(function*() {
  const world = yield* CrashHost.make
  const host = yield* world.start(layer)
  const runs = yield* host.use(Effect.provide(Runs.Runs, Runs.Runs.layer))
  const id = yield* begin(host, W)
  const refused = (answer: Omit<Answer, "by">) =>
    Effect.map(Effect.flip(runs.answer(id, { by: "ann", ...answer })), ({ message }) => message)
  return { world, host, runs, id, refused }
})

describe("rules that stand", () => {
  it.effect("a yes lets a rule stand that the question offers: it is recorded with who, when and where", () =>
    Effect.gen(function*() {
      const { host, id, runs, world } = yield* setUp
      const [question] = yield* runs.approvals()
      assert.deepStrictEqual(question?.standing, { ...scope, rules: offered })
      yield* pass(host, "1 hour")
      yield* runs.answer(id, { decision: "approve", by: "ann", always: offered[1]! })
      const [rule, ...others] = yield* runs.rules()
      assert.isEmpty(others)
      assert.deepInclude(rule, { ...scope, rule: offered[1], by: "ann", at: 3_600_000, runId: id, key: "Bash" })
      yield* pass(host, "1 hour")
      const { approvals } = RunView.of(id, yield* world.journal(id))
      assert.deepInclude(approvals[0]?.answers[0], { by: "ann", always: offered[1] })
    }))

  it.effect("a run that has found a rule finds it at every replay, and a step behind it that it was taken back", () =>
    Effect.gen(function*() {
      const { host, id, runs, world } = yield* setUp
      yield* runs.answer(id, { decision: "approve", by: "ann", always: offered[0]! })
      yield* pass(host, "1 hour")
      const { id: rule } = (yield* runs.rules())[0]!
      assert.strictEqual((yield* runs.revoke(rule.slice(0, 4))).rule, offered[0])
      assert.isEmpty(yield* runs.rules())
      const second = yield* world.restart(host, layer)
      yield* pass(second, "1 day")
      yield* assertOutput(second, W, id, ["Bash(git status) of ann", "then"])
    }))

  it.effect("nothing else stands: not what was not offered, nor with a no, nor with other arguments", () =>
    Effect.gen(function*() {
      const { id, refused, runs } = yield* setUp
      assert.include(yield* refused({ decision: "approve", always: "Bash" }), "is not among the rules that it offers")
      assert.include(yield* refused({ decision: "deny", always: offered[0]! }), "a no lets no rule stand")
      assert.include(
        yield* refused({ decision: "approve", always: offered[0]!, edit: { command: "rm -rf ." } }),
        "these are edited"
      )
      assert.isEmpty(yield* runs.rules())
      assert.strictEqual((yield* runs.approvals({ run: id })).length, 1)
    }))

  it.effect("a rule that does not stand cannot be taken back, and those that do are named", () =>
    Effect.gen(function*() {
      const { id, runs } = yield* setUp
      assert.strictEqual((yield* Effect.flip(runs.revoke("beef"))).message, `No rule "beef" stands; there is none`)
      yield* runs.answer(id, { decision: "approve", by: "ann", always: offered[0]! })
      const known = (yield* runs.rules())[0]!.id
      assert.strictEqual((yield* Effect.flip(runs.revoke("beef"))).message, `No rule "beef" stands; there is ${known}`)
      assert.include((yield* Effect.flip(runs.revoke(known.slice(0, 3)))).message, "stands; there is")
      assert.strictEqual((yield* runs.revoke(known)).id, known)
    }))

  it.effect("a question that takes several people offers none", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(W.toLayer(() => Effect.orDie(ask({ quorum: 2 }))))
      const id = yield* begin(host, W)
      assert.include(
        JSON.stringify((yield* world.journal(id)).at(-1)),
        "offers rules, which nobody lets stand with a quorum"
      )
    }))
})
