import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as fc from "fast-check"
import * as Contracts from "../src/Contract.ts"
import * as ContractCheck from "../src/ContractCheck.ts"
import type { Code } from "../src/ContractProblem.ts"
import { standardShapes } from "../src/StandardShapes.ts"
import type { Loose } from "../src/StepShape.ts"
import { ticketTriageContract, ticketTriageDocument } from "../src/TicketTriage.ts"

const agent = {
  schemaVersion: "fermata.contract.v1",
  id: "my-agent",
  version: "1.0.0",
  title: "My agent",
  triggers: [{ type: "event", event: "my.trigger" }],
  permissions: [{ kind: "event:emit", pattern: "my.*" }],
  limits: { maxRunMs: 60_000, maxSteps: 10 },
  entryStepId: "start",
  steps: [
    {
      id: "start",
      name: "Start",
      kind: "emit",
      event: "my.started",
      payload: { triggerId: "{{trigger.id}}" },
      next: null
    }
  ]
}

const withSteps = (...steps: ReadonlyArray<object>) => ({
  ...agent,
  permissions: [...agent.permissions, { kind: "llm:invoke" }, { kind: "task:run" }],
  steps
})

const problemsOf = (document: unknown) =>
  ContractCheck.check(document).problems.map(({ code, path }): readonly [string, Code] => [path, code])

/** One step of each kind, smallest form, each leading to the next. */
const smallest = {
  task: { task: "code-task", next: "llm" },
  llm: { prompt: "hello", next: "emit" },
  emit: { event: "my.event", next: "wait" },
  wait: { event: "my.answer", next: "branch" },
  branch: { cases: [{ when: "input.x", next: "transform" }], default: "transform" },
  transform: { set: { a: 1 }, next: "approval" },
  approval: { prompt: "Go on?", approvers: ["admin"], nextOnApproved: null, nextOnDenied: null }
} as const
const kinds = Object.keys(smallest) as ReadonlyArray<keyof typeof smallest>
const everyKind = () => ({
  ...withSteps(...kinds.map((kind) => ({ id: kind, name: kind, kind, ...smallest[kind] }))),
  entryStepId: "task"
})

describe("ContractCheck.check", () => {
  it("S2: takes the crash rules that a document can state, and names them for those that need code", () => {
    const task = (onCrash: string) =>
      withSteps({ id: "t", name: "t", kind: "task", task: "code-task", onCrash, next: null })
    const checked = (onCrash: string) => ContractCheck.check({ ...task(onCrash), entryStepId: "t" }).problems
    for (const rule of ["rerun", "rerun-keyed", "ask"]) assert.deepStrictEqual(checked(rule), [])
    for (const rule of ["probe", "commit-together", "never"]) {
      const [problem, ...others] = checked(rule)
      assert.deepStrictEqual(others, [])
      assert.strictEqual(problem?.path, "steps[0].onCrash")
      for (const known of ["rerun", "rerun-keyed", "ask"]) assert.include(problem?.message, known)
      assert.notMatch(problem?.message.replace(`"${rule}"`, "") ?? "", /probe|commit-together/)
    }
  })

  it("decodes a right document and fills in the defaults", () => {
    const { contract, problems } = ContractCheck.check(agent)
    assert.deepStrictEqual(problems, [])
    assert.deepStrictEqual(contract?.limits, { maxRunMs: 60_000, maxActiveMs: 1_800_000, maxSteps: 10 })
    const { contract: bare } = ContractCheck.check({ ...agent, triggers: undefined, limits: undefined })
    assert.isUndefined(bare)
    const { limits: _, triggers: __, ...rest } = agent
    assert.deepStrictEqual(ContractCheck.check(rest).contract?.limits, {
      maxRunMs: 365 * 24 * 60 * 60 * 1000,
      maxActiveMs: 1_800_000,
      maxSteps: 1000
    })
  })

  it("accepts every step kind in its smallest form, with these defaults", () => {
    const { contract, problems } = ContractCheck.check(everyKind())
    assert.deepStrictEqual(problems, [])
    const steps: ReadonlyArray<object> = contract?.steps ?? []
    const step = (kind: string) => steps.find((step): step is Loose => "kind" in step && step.kind === kind)
    assert.deepStrictEqual([step("task")?.["onCrash"], step("task")?.["input"], step("task")?.["labels"]], [
      "ask",
      null,
      []
    ])
    assert.strictEqual(step("llm")?.["output"], "text")
    assert.deepStrictEqual(step("emit")?.["payload"], {})
    assert.deepStrictEqual([step("approval")?.["onTimeout"], step("approval")?.["editable"]], ["deny", false])
  })

  it.each(kinds)("reports each required field of a %s step that is left out", (kind) => {
    const document = everyKind()
    const index = kinds.indexOf(kind)
    for (const field of ["name", ...Object.keys(smallest[kind])]) {
      const steps = document.steps.map((step, i) =>
        i === index ? Object.fromEntries(Object.entries(step).filter(([name]) => name !== field)) : step
      )
      assert.deepInclude(problemsOf({ ...document, steps }), [`steps[${index}].${field}`, "missing"])
    }
  })

  it("reports a dozen different mistakes at once, each in its place", () => {
    const { problems } = ContractCheck.check({
      schemaVersion: "codmir.contract.v1",
      id: "my-agent",
      version: "1.0",
      title: "A dozen mistakes",
      titel: "A dozen mistakes",
      permissions: [{ kind: "event:emit", pattern: "my.*" }],
      limits: { maxRunMs: -1 },
      entryStepId: "start",
      steps: [
        { id: "start", name: "Start", kind: "emit", event: "other.started", next: "clasify" },
        { id: "classify", name: "Classify", kind: "llm", prompt: 5, next: "gate" },
        {
          id: "gate",
          name: "Gate",
          kind: "approval",
          prompt: "?",
          approvers: [],
          nextOnApproved: null,
          nextOnDenied: "start"
        },
        { id: "lost", name: "Lost", kind: "transform", set: { a: 1 }, next: null },
        { id: "start", name: "Again", kind: "transform", set: { a: 1 } }
      ]
    })
    assert.sameDeepMembers(problems.map(({ code, path }) => [path, code]), [
      ["schemaVersion", "wrong-type"],
      ["version", "wrong-value"],
      ["titel", "unknown-field"],
      ["limits.maxRunMs", "wrong-value"],
      ["steps[0].next", "unknown-step"],
      ["steps[0].event", "missing-permission"],
      ["steps[1].prompt", "wrong-type"],
      ["steps[1].kind", "missing-permission"],
      ["steps[2].approvers", "wrong-value"],
      ["steps[3]", "unreachable-step"],
      ["steps[4].id", "duplicate-id"],
      ["steps[4].next", "missing"]
    ])
    const next = problems.find(({ path }) => path === "steps[0].next")
    assert.deepInclude(next, {
      found: "\"clasify\"",
      expected: "the id of a step, or null to end the run",
      suggestion: "classify"
    })
    assert.strictEqual(
      next?.message,
      "steps[0].next: found \"clasify\", expected the id of a step, or null to end the run; did you mean \"classify\"?"
    )
  })

  it("names the step that no way leads to", () => {
    const island = { id: "island", name: "Island", kind: "transform", set: { a: 1 }, next: null }
    assert.deepStrictEqual(problemsOf({ ...agent, steps: [...agent.steps, island] }), [[
      "steps[1]",
      "unreachable-step"
    ]])
  })

  it("counts onError, timeouts and every branch as ways", () => {
    const end = (id: string) => ({ id, name: id, kind: "transform", set: { a: 1 }, next: null })
    assert.deepStrictEqual(
      problemsOf(withSteps(
        {
          id: "start",
          name: "s",
          kind: "wait",
          event: "a.b",
          timeout: { ms: 1, next: "late" },
          onError: { next: "failed" },
          next: "pick"
        },
        { id: "pick", name: "p", kind: "branch", cases: [{ when: "x", next: "one" }], default: "gate" },
        {
          id: "gate",
          name: "g",
          kind: "approval",
          prompt: "?",
          approvers: ["a"],
          nextOnApproved: "yes",
          nextOnDenied: "no",
          onTimeout: { next: "slow" }
        },
        ...["late", "failed", "one", "yes", "no", "slow"].map(end)
      )),
      []
    )
  })

  it("refuses to emit the engine's own events, whatever is permitted", () => {
    const document = {
      ...withSteps({ id: "start", name: "s", kind: "emit", event: "engine.approval.granted", next: null }),
      permissions: [{ kind: "event:emit", pattern: "**" }]
    }
    assert.deepStrictEqual(problemsOf(document), [["steps[0].event", "reserved-event"]])
  })

  it("reports a dangling entry, an unknown kind with what was meant, and an unreachable quorum", () => {
    assert.deepStrictEqual(problemsOf({ ...agent, entryStepId: "stat" }), [["entryStepId", "unknown-step"]])
    const unknown = ContractCheck.check(withSteps({ id: "start", name: 1, kind: "transfrom", next: null })).problems
    assert.deepStrictEqual(unknown.map(({ path, suggestion }) => [path, suggestion]), [
      ["steps[0].kind", "transform"],
      ["steps[0].name", undefined]
    ])
    assert.deepStrictEqual(
      problemsOf(
        withSteps({
          id: "start",
          name: "s",
          kind: "approval",
          prompt: "?",
          approvers: ["a"],
          quorum: { approvals: 3, of: 2 },
          nextOnApproved: null,
          nextOnDenied: null
        })
      ),
      [["steps[0].quorum", "wrong-value"]]
    )
  })

  it("describes an output shape field by field", () => {
    const output = { type: "object", properties: { a: { type: "strin" }, b: { typ: "string" } } }
    assert.deepStrictEqual(
      problemsOf(withSteps({ id: "start", name: "s", kind: "llm", prompt: "p", output, next: null })),
      [
        ["steps[0].output.properties.a.type", "wrong-value"],
        ["steps[0].output.properties.b.typ", "unknown-field"]
      ]
    )
  })

  it("answers one problem for what is no document, too large or too deep", () => {
    for (const value of [null, undefined, 5, "text", [], () => 1, Symbol("s"), 5n, new Map()]) {
      const { contract, problems } = ContractCheck.check(value)
      assert.isUndefined(contract)
      assert.lengthOf(problems, 1)
    }
    assert.deepStrictEqual(problemsOf({ ...agent, title: "x".repeat(2_000_000) }), [["", "too-large"]])
    const cyclic: Record<string, unknown> = { ...agent }
    cyclic["description"] = cyclic
    assert.strictEqual(problemsOf(cyclic)[0]?.[1], "too-deep")
    const many = Array.from(
      { length: 1001 },
      (_, i) => ({ id: `s${i}`, name: "s", kind: "emit", event: "my.e", next: i === 1000 ? null : `s${i + 1}` })
    )
    assert.deepStrictEqual(problemsOf({ ...agent, entryStepId: "s0", steps: many })[0], ["steps", "wrong-value"])
  })

  it("lists no more than its cap of problems and says how many there were", () => {
    const { problems } = ContractCheck.check({ ...agent, steps: Array.from({ length: 900 }, () => ({})) })
    assert.lengthOf(problems, ContractCheck.maxProblems + 1)
    assert.strictEqual(problems.at(-1)?.code, "too-many-problems")
  })

  it("takes from 0 to 100 triggers and permissions, and up to 1000 steps", () => {
    const trigger = { type: "event", event: "my.trigger" }
    const permission = { kind: "event:emit", pattern: "my.*" }
    const decodes = Schema.is(Contracts.schemaOf(standardShapes))
    const { contract } = ContractCheck.check(agent)
    for (const count of [1, 100, 101]) {
      const triggers = Array.from({ length: count }, () => trigger)
      const permissions = Array.from({ length: count }, () => permission)
      const tooMany = (name: string) => count > 100 ? [[name, "wrong-value"]] : []
      assert.deepStrictEqual<unknown>(problemsOf({ ...agent, triggers }), tooMany("triggers"))
      assert.deepStrictEqual<unknown>(problemsOf({ ...agent, permissions }), tooMany("permissions"))
      assert.strictEqual(decodes({ ...contract, triggers }), count <= 100)
      assert.strictEqual(decodes({ ...contract, permissions }), count <= 100)
    }
    assert.deepStrictEqual(problemsOf({ ...agent, triggers: [] }), [])
    assert.isTrue(decodes({ ...contract, triggers: [] }))
    assert.isTrue(decodes({ ...contract, permissions: [] }))
    assert.deepStrictEqual(problemsOf({ ...agent, steps: [] }).slice(0, 1), [["steps", "wrong-value"]])
  })

  it("never throws, and finds no problem exactly when the schema decodes", () => {
    const mutation = fc.record({
      path: fc.constantFrom(
        "id",
        "version",
        "limits",
        "entryStepId",
        "triggers",
        "permissions",
        "steps",
        "steps.0",
        "steps.0.next",
        "steps.0.kind",
        "steps.0.event",
        "limits.maxSteps",
        "extra"
      ),
      value: fc.jsonValue({ maxDepth: 2 })
    })
    fc.assert(fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), (mutations) => {
      const document: unknown = structuredClone(agent)
      for (const { path, value } of mutations) {
        const names = path.split(".")
        const parent = names.slice(0, -1).reduce<unknown>(
          (at, name) => at !== null && typeof at === "object" ? Reflect.get(at, name) : undefined,
          document
        )
        if (parent !== null && typeof parent === "object") Reflect.set(parent, names.at(-1) as string, value)
      }
      const { contract, problems } = ContractCheck.check(document)
      assert.strictEqual(contract === undefined, problems.length > 0)
      for (const { message, path } of problems) assert.isTrue(message.startsWith(path === "" ? "the document" : path))
    }))
  })
})

describe("ContractCheck.checkText", () => {
  it("reads JSON and reports what is none", () => {
    assert.deepStrictEqual(ContractCheck.checkText(JSON.stringify(agent)).problems, [])
    assert.strictEqual(ContractCheck.checkText("{\"a\":").problems[0]?.code, "not-json")
    const lossy = ContractCheck.checkText(
      JSON.stringify(agent).replace(/}$/, ",\"title\":\"again\",\"limits\":{\"maxRunMs\":1e400}}")
    )
    assert.isUndefined(lossy.contract)
    assert.includeMembers(lossy.problems.map(({ code, path }) => `${code} ${path}`), [
      "lossy title",
      "lossy limits.maxRunMs"
    ])
  })
})

describe("Contract.canonicalJson", () => {
  const canonical = (document: unknown) => {
    const { contract } = ContractCheck.check(document)
    assert.isDefined(contract)
    return contract === undefined ? "" : Contracts.canonicalJson(contract)
  }

  it("does not depend on key order, spelled-out defaults or $schema, but on everything else", () => {
    const reversed = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(reversed)
        : value !== null && typeof value === "object"
        ? Object.fromEntries(Object.entries(value).reverse().map(([name, item]) => [name, reversed(item)]))
        : value
    const text = canonical(agent)
    assert.strictEqual(canonical(reversed(agent)), text)
    assert.strictEqual(canonical({ ...agent, $schema: "https://example.com/contract.json" }), text)
    assert.strictEqual(canonical({ ...agent, limits: { ...agent.limits, maxActiveMs: 1_800_000 } }), text)
    assert.notStrictEqual(canonical({ ...agent, title: "Other" }), text)
    assert.notStrictEqual(canonical({ ...agent, permissions: [...agent.permissions, { kind: "llm:invoke" }] }), text)
  })

  it("is a document that is read back as the same contract", () => {
    const text = Contracts.canonicalJson(ticketTriageContract)
    assert.deepStrictEqual(ContractCheck.checkText(text).contract, ticketTriageContract)
    assert.strictEqual(canonical(JSON.parse(text)), text)
  })
})

describe("ticketTriageContract", () => {
  it("is right and uses transform, llm, branch, approval, task and emit", () => {
    assert.deepStrictEqual(ContractCheck.check(ticketTriageDocument).problems, [])
    assert.strictEqual(ticketTriageContract.id, "fermata.ticket-triage")
    assert.sameMembers([...new Set(ticketTriageContract.steps.map(({ kind }) => kind))], [
      "transform",
      "llm",
      "branch",
      "approval",
      "task",
      "emit"
    ])
    assert.deepInclude(ticketTriageContract.triggers[0], { type: "event", event: "ticket.created" })
  })
})
