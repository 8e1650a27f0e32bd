import { assert, describe, it } from "@effect/vitest"
import { ContractValidation } from "@fermata/contracts"
import { CrashHost } from "@fermata/testing"
import { Effect, Logger, type Schema } from "effect"
import { contract, giveWay, handlers, hear, Log, type Loose, only, pass, run, serve, serveAgain } from "./support.ts"

const day = 86_400_000

/** Asks whether to deploy, and deploys or cancels. */
const deployment = (more: Loose = {}) =>
  contract([
    {
      id: "gate",
      kind: "approval",
      prompt: "Deploy {{ input.what }}?",
      approvers: ["admin", "devops"],
      nextOnApproved: "deploy",
      nextOnDenied: "cancel",
      timeout: { ms: day },
      ...more
    },
    { id: "deploy", kind: "task", task: "deploy", next: null },
    { id: "cancel", kind: "task", task: "cancel", next: null }
  ])

const setUp = Effect.fnUntraced(function*(more: Loose = {}) {
  const world = yield* CrashHost.make
  const log = new Log()
  const logged: Array<string> = []
  const parts = {
    tasks: handlers({
      deploy: () => Effect.as(log.add("deploy"), "deployed"),
      cancel: () => Effect.as(log.add("cancel"), "cancelled")
    }),
    around: Logger.layer([Logger.make(({ message }) => void logged.push(String(message)))])
  }
  const host = yield* serve(world, parts)
  const heard = yield* hear(host, "engine.approval.*")
  const id = yield* run(host, deployment(more), { input: { what: "web" } })
  const answer = (name: "granted" | "denied", payload: Schema.Json, options: { readonly id?: string } = {}) =>
    Effect.andThen(host.events.emit(`engine.approval.${name}`, payload, options), host.settled)
  return { world, host, heard, id, log, logged, parts, answer }
})

describe("approvals", () => {
  it.effect("C-48: an approval has a prompt, approvers, two ways on and a timeout, and the request tells the prompt and the approvers", () =>
    Effect.gen(function*() {
      const { heard, id, host } = yield* setUp()
      const places = (more: Loose) => ContractValidation.check(deployment(more)).problems.map(({ path }) => path)
      assert.deepStrictEqual(places({}), [])
      assert.deepStrictEqual(places({ timeout: { ms: day, unit: "days" } }), ["steps[0].timeout.unit"])
      assert.deepStrictEqual(places({ timeout: { ms: 0 } }), ["steps[0].timeout.ms"])
      assert.deepStrictEqual(places({ prompt: "" }), ["steps[0].prompt"])
      assert.deepStrictEqual(places({ approvers: [] }), ["steps[0].approvers"])
      assert.deepStrictEqual(places({ nextOnApproved: "nowhere" }), ["steps[0].nextOnApproved", "steps[1]"])
      assert.deepStrictEqual(places({ nextOnDenied: 7 }), ["steps[0].nextOnDenied", "steps[2]"])
      yield* giveWay()
      assert.deepInclude(heard[0], { name: "engine.approval.requested", correlationId: id })
      assert.deepInclude(heard[0]!.payload, {
        runId: id,
        stepId: "gate",
        prompt: "Deploy web?",
        approvers: ["admin", "devops"],
        deadline: day
      })
      const [open] = yield* host.runs.approvals()
      assert.deepInclude(open, { runId: id, prompt: "Deploy web?", approvers: ["admin", "devops"], deadline: day })
    }))

  it.effect("C-49: a grant for this run and step goes to nextOnApproved, and one for another run or step is ignored", () =>
    Effect.gen(function*() {
      const { answer, host, id, log, world } = yield* setUp()
      const rows = yield* world.rows(id)
      yield* answer("granted", { runId: "another", stepId: "gate", grantedBy: "admin" })
      yield* answer("granted", { runId: id, stepId: "deploy", grantedBy: "admin" })
      yield* answer("granted", { runId: id, grantedBy: "admin" })
      yield* answer("granted", { runId: id, stepId: "gate" })
      assert.deepStrictEqual(yield* world.rows(id), rows)
      assert.deepStrictEqual(log.entries, [])
      yield* answer("granted", { runId: id, stepId: "gate", grantedBy: "admin" })
      assert.deepStrictEqual(log.entries, ["deploy"])
      assert.deepInclude(yield* host.runs.show(id), { status: "completed", output: "deployed" })
    }))

  it.effect("C-50: a denial goes to nextOnDenied, and nothing is deployed", () =>
    Effect.gen(function*() {
      const { answer, heard, host, id, log } = yield* setUp()
      yield* answer("denied", { runId: id, stepId: "gate", deniedBy: "devops", note: "not on a Friday" })
      yield* giveWay()
      assert.deepStrictEqual(log.entries, ["cancel"])
      assert.deepInclude(yield* host.runs.show(id), { status: "completed", output: "cancelled" })
      assert.deepInclude(heard.at(-1)!.payload, {
        runId: id,
        stepId: "gate",
        deniedBy: "devops",
        note: "not on a Friday",
        timedOut: false
      })
    }))

  it.effect("C-51: a grant by somebody who is not an approver is refused and logged, and the run still waits", () =>
    Effect.gen(function*() {
      const { answer, host, id, log, logged, world } = yield* setUp()
      yield* answer("granted", { runId: id, stepId: "gate", grantedBy: "intern" })
      assert.include(yield* world.run(id), { status: "suspended", reason: "approval" })
      assert.deepStrictEqual(only(yield* world.journal(id), "ApprovalAnswered"), [])
      assert.isTrue(
        logged.some((line) => line.includes("\"intern\" is not one of the approvers: admin, devops")),
        logged.join("\n")
      )
      const refused = yield* Effect.flip(host.runs.answer(id, { decision: "approve", by: "intern" }))
      assert.deepInclude(refused, { _tag: "NotAllowed", by: "intern", approvers: ["admin", "devops"] })
      yield* host.settled
      assert.deepStrictEqual(log.entries, [])
      yield* host.runs.answer(id, { decision: "approve", by: "ada", roles: ["devops"] })
      yield* host.settled
      assert.deepStrictEqual(log.entries, ["deploy"])
    }))

  it.effect("N-61: two of three approve exactly the arguments that one of them has edited, by events, and the run is told at every step", () =>
    Effect.gen(function*() {
      const { answer, heard, host, id, log, logged, world } = yield* setUp({
        approvers: ["ann", "bob", "cy"],
        quorum: { approvals: 2 },
        args: { to: "{{ input.what }}" },
        editable: true
      })
      const grant = (grantedBy: string, more: Readonly<Record<string, Schema.Json>> = {}) =>
        answer("granted", { runId: id, stepId: "gate", grantedBy, ...more })
      yield* grant("ann")
      yield* grant("ann")
      yield* grant("cy", { edit: { to: "live" } })
      yield* grant("bob")
      assert.strictEqual((yield* world.run(id)).status, "suspended")
      assert.isTrue(logged.some((line) => line.includes("ann has approved it already")), logged.join("\n"))
      assert.isTrue(
        logged.some((line) => line.includes("cy has edited the arguments since: to: \"web\" → \"live\"")),
        logged.join("\n")
      )
      const [open] = yield* host.runs.approvals()
      assert.deepInclude(open!, { progress: "1 of 2, still wanted: one of ann, bob" })
      yield* grant("bob", { hash: open!.hash! })
      yield* giveWay()
      assert.deepStrictEqual(log.entries, ["deploy"])
      assert.deepStrictEqual(heard.map(({ name }) => name), [
        "engine.approval.requested",
        "engine.approval.answered",
        "engine.approval.answered",
        "engine.approval.granted"
      ])
      const gate = (yield* host.runs.show(id)).steps.find(({ key }) => key === "gate")
      assert.deepInclude(gate!.output, { by: ["cy", "bob"], args: { to: "live" } })
    }))

  it.effect("N-61: who started the run does not approve it where self-approval is prevented, and a choice is made by each yes", () =>
    Effect.gen(function*() {
      const strict = { approvers: ["admin"], choices: ["now", "tonight"], preventSelfApproval: true }
      const { answer, host, id, log, logged } = yield* setUp(strict)
      assert.deepStrictEqual(ContractValidation.check(deployment({ preventSelfApproval: true })).problems, [])
      assert.deepStrictEqual(
        ContractValidation.check(deployment({ preventSelfApproval: "yes" })).problems.map(({ path }) => path),
        ["steps[0].preventSelfApproval"]
      )
      yield* answer("granted", { runId: id, stepId: "gate", grantedBy: "admin" })
      assert.isTrue(logged.some((line) => line.includes("it wants a choice: one of now, tonight")), logged.join("\n"))
      const own = yield* run(host, deployment(strict), { input: { what: "own" }, by: "admin", key: "own" })
      const refused = yield* Effect.flip(host.runs.answer(own, { decision: "approve", by: "admin", choice: "now" }))
      assert.include(refused.message, "admin has asked for the run, and another must decide")
      yield* answer("granted", { runId: id, stepId: "gate", grantedBy: "admin", choice: "now" })
      assert.deepStrictEqual(log.entries, ["deploy"])
    }))

  it.effect("N-61: whoever published the event that started a run has asked for it, also where a run did, and in its children", () =>
    Effect.gen(function*() {
      const strict = { approvers: ["ann", "bob"], notBy: "requester" }
      const { host } = yield* setUp()
      const add = (id: string, steps: ReadonlyArray<Loose>, more: Loose) =>
        host.contracts.add({ ...contract(steps), id, ...more })
      const gate = { id: "gate", kind: "approval", prompt: "Go?", nextOnApproved: null, nextOnDenied: null, ...strict }
      const on = (event: string) => ({ triggers: [{ type: "event", event }] })
      yield* add("asks", [gate], on("order.checked"))
      yield* add(
        "tells",
        [{ id: "tell", kind: "emit", event: "order.checked", payload: {}, next: null }],
        on("order.placed")
      )
      yield* add("calls", [{ id: "call", kind: "call", workflow: "asks", input: {}, next: null }], on("order.called"))
      const asked = Effect.fnUntraced(function*(event: string, by: string | undefined) {
        const before = new Set((yield* host.runs.approvals()).map(({ id }) => id))
        yield* host.events.emit(event, {}, by === undefined ? {} : { by })
        yield* host.settled
        return (yield* host.runs.approvals()).find(({ id }) => !before.has(id))!
      })
      for (const event of ["order.checked", "order.placed", "order.called"]) {
        const { id, requester, wanted } = yield* asked(event, "ann")
        assert.deepStrictEqual([requester, wanted], ["ann", ["bob"]], event)
        const refused = yield* Effect.flip(host.runs.answer(id, { decision: "approve", by: "ann" }))
        assert.include(refused.message, "ann has asked for the run, and another must decide")
        assert.strictEqual((yield* host.runs.answer(id, { decision: "approve", by: "bob" })).status, "granted")
      }
      const [started] = yield* host.runs.list({ workflow: "tells" })
      assert.deepInclude((yield* host.runs.show(started!.id)).trigger, { event: "order.placed", by: "ann" })
      // Nobody says who has published it, so it excludes nobody.
      const { id } = yield* asked("order.checked", undefined)
      assert.strictEqual((yield* host.runs.answer(id, { decision: "approve", by: "ann" })).status, "granted")
    }))

  it.effect("N-61: a question of a contract is handed on, goes to others at its times, reminds, and is kept from whom notBy names", () =>
    Effect.gen(function*() {
      const { heard, host, id, log } = yield* setUp({
        approvers: ["admin"],
        notBy: ["requester", "{{ input.what }}-team"],
        escalate: [{ afterMs: day / 4, to: ["cto"] }, { afterMs: day / 2, to: ["ceo"] }],
        remind: { everyMs: day / 3, most: 1 }
      })
      const handed = yield* host.runs.delegate(id, { by: "admin", to: "dana", note: "away" })
      assert.deepStrictEqual(handed.wanted, ["dana"])
      const back = yield* Effect.flip(host.runs.answer(id, { decision: "approve", by: "admin" }))
      assert.include(back.message, "admin has handed it on to dana")
      yield* pass(host, day / 4)
      yield* pass(host, day / 4)
      const excluded = yield* Effect.flip(
        host.runs.answer(id, { decision: "approve", by: "ceo", roles: ["web-team"] })
      )
      assert.include(excluded.message, "web-team may not answer it, and another must decide")
      yield* host.runs.answer(id, { decision: "approve", by: "ceo" })
      yield* host.settled
      yield* giveWay()
      assert.deepStrictEqual(log.entries, ["deploy"])
      assert.deepStrictEqual(heard.map(({ name, payload }) => [name, (payload as Loose)["to"]]), [
        ["engine.approval.requested", undefined],
        ["engine.approval.delegated", "dana"],
        ["engine.approval.escalated", ["cto"]],
        ["engine.approval.reminder", ["dana", "cto"]],
        ["engine.approval.escalated", ["ceo"]],
        ["engine.approval.granted", undefined]
      ])
      const problems = (more: Loose) =>
        ContractValidation.check(deployment(more)).problems.map(({ expected, path }) => `${path}: ${expected}`)
      assert.deepStrictEqual(problems({ escalate: [{ afterMs: 5, to: ["a"] }, { afterMs: 5, to: ["b"] }] }), [
        "steps[0].escalate[1].afterMs: more than the 5 ms of the stage before it"
      ])
      assert.deepStrictEqual(problems({ escalate: [{ afterMs: day, to: ["a"] }] }), [
        `steps[0].escalate[0].afterMs: less than the ${day} ms for which the question is open`
      ])
      assert.deepStrictEqual(
        ContractValidation.check(
          deployment({ notBy: 7, remind: { everyMs: 1, most: 0 }, escalate: [{ afterMs: 1, to: [] }] })
        )
          .problems.map(({ path }) => path),
        ["steps[0].notBy", "steps[0].escalate[0].to", "steps[0].remind.most"]
      )
    }))

  it.effect("C-52: after its timeout the gate is denied, or goes where onTimeout says, and a late grant is rejected", () =>
    Effect.gen(function*() {
      const expire = Effect.fnUntraced(function*(more: Loose) {
        const { answer, host, id, log, world } = yield* setUp(more)
        yield* pass(host, day - 1)
        assert.strictEqual((yield* world.run(id)).reason, "approval")
        yield* pass(host, 1)
        const shown = yield* host.runs.show(id)
        const rows = yield* world.rows(id)
        yield* answer("granted", { runId: id, stepId: "gate", grantedBy: "admin" })
        const late = yield* Effect.flip(host.runs.answer(id, { decision: "approve", by: "admin" }))
        assert.strictEqual(late._tag, "AnsweredAlready")
        assert.deepStrictEqual(yield* world.rows(id), rows)
        return [shown.status, ...log.entries]
      })
      assert.deepStrictEqual(yield* expire({}), ["completed", "cancel"])
      assert.deepStrictEqual(yield* expire({ onTimeout: "deny" }), ["completed", "cancel"])
      assert.deepStrictEqual(yield* expire({ onTimeout: "approve" }), ["completed", "deploy"])
      assert.deepStrictEqual(yield* expire({ onTimeout: "fail" }), ["failed"])
      assert.deepStrictEqual(yield* expire({ onTimeout: { next: null } }), ["completed"])
    }))

  it.effect("C-53: a parked approval is still open in the next process, and a grant there completes the run", () =>
    Effect.gen(function*() {
      const { host, id, log, parts, world } = yield* setUp()
      const rows = yield* world.rows(id)
      const second = yield* serveAgain(world, host, parts)
      yield* second.settled
      assert.deepStrictEqual((yield* second.runs.approvals()).map((open) => open.id), [`${id}/gate`])
      assert.deepStrictEqual(yield* world.rows(id), rows)
      yield* second.events.emit("engine.approval.granted", { runId: id, stepId: "gate", grantedBy: "admin" })
      yield* second.settled
      assert.deepStrictEqual(log.entries, ["deploy"])
      assert.strictEqual((yield* world.run(id)).status, "completed")
    }))
})
