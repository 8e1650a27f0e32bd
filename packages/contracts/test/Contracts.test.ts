import { assert, describe, it } from "@effect/vitest"
import { Events } from "@fermata/engine/Events"
import * as MemoryBackend from "@fermata/engine/MemoryBackend"
import { Runs } from "@fermata/engine/Runs"
import { Store } from "@fermata/engine/Store"
import * as CrashExplorer from "@fermata/testing/CrashExplorer"
import type * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Contracts } from "../src/Contracts.ts"
import type { Rule } from "../src/Llm.ts"
import { TaskFailed, type TaskReply, TaskRuntime } from "../src/TaskRuntime.ts"
import { sampleTicket, ticketTriageDocument } from "../src/TicketTriage.ts"
import {
  assertOutput,
  begin,
  document,
  end,
  hearing,
  journal,
  layer,
  onHostOf,
  pass,
  publish,
  runsOf,
  serving,
  settled,
  step
} from "./support/Agency.ts"

/** A contract with one transform that keeps what it was given. */
const keeper = (id: string, more: object = {}) =>
  document([
    step("transform", "keep", null, {
      set: { trigger: "{{ trigger }}", input: "{{ input }}", run: "{{ run.version }}" }
    })
  ], { id, ...more })

const on = (event: string, more: object = {}) => ({ triggers: [{ type: "event", event, ...more }] })

const add = (document: unknown) => Effect.flatMap(Contracts, (contracts) => contracts.add(document))
const start = (options: Parameters<Contracts["Service"]["start"]>[0]) =>
  Effect.tap(Effect.flatMap(Contracts, (contracts) => contracts.start(options)), () => settled)

describe("Contracts", () => {
  describe("what a run is about", () => {
    const about = (run: string) =>
      Effect.map(Runs.use((runs) => runs.find(run)), ({ labels, title }) => ({ title, ...(labels && { labels }) }))
    const titled = (runTitle: string, more: object = {}) => keeper("titled", { runTitle, ...more })

    it.effect("is what its contract makes of its input and of the event, once", () =>
      Effect.gen(function*() {
        const document = titled("Order {{ input.id }}\n for {{ trigger.who.name }}", on("order.placed"))
        const byHand = yield* start({ contract: document, input: { id: 7, who: { name: "Ada" } } })
        assert.deepStrictEqual(yield* about(byHand.runId), { title: "Order 7 for Ada" })
        yield* publish("order.placed", { id: 8, who: { name: "Bob" } })
        const both = yield* start({
          contract: document,
          input: { id: 9 },
          event: { name: "x", payload: { who: { name: "Eve" } } }
        })
        const runs = yield* Runs.use((runs) => runs.list({ workflow: "titled" }))
        assert.deepStrictEqual(runs.map(({ title }) => title), [
          "Order 9 for Eve",
          "Order 8 for Bob",
          "Order 7 for Ada"
        ])
        assert.strictEqual((yield* journal(both.runId)).filter((entry) => "title" in entry).length, 0)
      }).pipe(Effect.provide(layer())))

    it.effect("is its key or the first short text of its input where its contract makes nothing of it", () =>
      Effect.gen(function*() {
        const cases = [["{{ input.nothing }}", "k1"], ["  ", "k2"], ["{{ $number(input.name) }}", "k3"]] as const
        for (const [index, [runTitle, key]] of cases.entries()) {
          const contract = titled(runTitle, { version: `1.0.${index}` })
          assert.deepStrictEqual(yield* about((yield* start({ contract, input: { name: "Ada" }, key })).runId), {
            title: key
          })
          assert.deepStrictEqual(yield* about((yield* start({ contract, input: { name: "Ada" } })).runId), {
            title: "Ada"
          })
        }
        const whole = titled("{{ input.count }}", { version: "2.0.0" })
        assert.deepStrictEqual(yield* about((yield* start({ contract: whole, input: { count: 3 } })).runId), {
          title: "3"
        })
      }).pipe(Effect.provide(layer())))

    it.effect("may be said by whoever starts it, with labels by which it is found", () =>
      Effect.gen(function*() {
        const contract = titled("Order {{ input.id }}")
        const one = yield* start({ contract, input: { id: 1 }, title: "By hand", labels: { customer: "acme" } })
        assert.deepStrictEqual(yield* about(one.runId), { title: "By hand", labels: { customer: "acme" } })
        const two = yield* Runs.use((runs) => runs.start("titled", { id: 2 }, { labels: { customer: "acme" } }))
        const found = yield* Runs.use((runs) => runs.list({ labels: { customer: "acme" } }))
        assert.deepStrictEqual(found.map(({ id, title }) => [id, title]), [[two.runId, "Order 2"], [
          one.runId,
          "By hand"
        ]])
        const refused = yield* Effect.flip(start({ contract, input: {}, labels: { "not one": "x" } }))
        assert.strictEqual(refused._tag, "StartRefused")
        assert.lengthOf(yield* Runs.use((runs) => runs.list()), 2)
      }).pipe(Effect.provide(layer())))

    it.effect("is that of its own contract where another calls it", () =>
      Effect.gen(function*() {
        yield* add(titled("Order {{ input.id }}"))
        yield* start({
          contract: document([step("call", "order", null, { workflow: "titled", input: { id: "{{ input.n }}" } })], {
            id: "caller"
          }),
          input: { n: 5 }
        })
        const [run] = yield* Runs.use((runs) => runs.list({ workflow: "titled" }))
        assert.strictEqual(run?.title, "Order 5")
      }).pipe(Effect.provide(layer())))
  })

  describe("add, list, get", () => {
    it.effect("C-05: an added contract is found, and adding it again in another order of keys changes nothing", () =>
      Effect.gen(function*() {
        const contracts = yield* Contracts
        const stored = yield* add(keeper("a"))
        yield* TestClock.adjust("1 hour")
        const { steps, ...rest } = keeper("a")
        assert.deepStrictEqual(yield* add({ steps, ...rest, limits: {}, triggers: [] }), stored)
        assert.deepStrictEqual(yield* contracts.get("a"), stored)
        assert.deepStrictEqual((yield* contracts.list).map(({ hash, id, version }) => [id, version, hash]), [[
          "a",
          "1.0.0",
          stored.hash
        ]])
        assert.match(stored.hash, /^[0-9a-f]{64}$/)
      }).pipe(Effect.provide(layer())))

    it.effect("another document under a known id and version is refused with both hashes and what to do", () =>
      Effect.gen(function*() {
        const contracts = yield* Contracts
        const stored = yield* add(keeper("a"))
        const error = yield* Effect.flip(add(keeper("a", { title: "Changed" })))
        assert.strictEqual(error._tag, "ContractRefused")
        assert.include(error.message, stored.hash)
        assert.include(error.message, error._tag === "ContractRefused" ? error.hash : "")
        assert.include(error.message, "give the changed document a new version")
        assert.strictEqual((yield* contracts.get("a")).title, "Sample")
        yield* add(keeper("a", { title: "Changed", version: "1.0.1" }))
        assert.strictEqual((yield* contracts.get("a")).title, "Changed")
      }).pipe(Effect.provide(layer())))

    it.effect("of an invalid contract every mistake is named and nothing is stored", () =>
      Effect.gen(function*() {
        const contracts = yield* Contracts
        const error = yield* Effect.flip(add(keeper("a", { entryStepId: "kep", title: "" })))
        assert.strictEqual(error._tag, "ContractInvalid")
        assert.include(error.message, "entryStepId")
        assert.include(error.message, "title")
        assert.strictEqual(
          (yield* Effect.flip(start({ contract: keeper("a", { version: "1" }) })))._tag,
          "ContractInvalid"
        )
        assert.deepStrictEqual(yield* contracts.list, [])
      }).pipe(Effect.provide(layer())))

    it.effect("without a version the newest is meant: by number, a release before a prerelease", () =>
      Effect.gen(function*() {
        const contracts = yield* Contracts
        for (const version of ["1.9.0", "1.10.0", "2.0.0-rc.1", "1.2.0"]) yield* add(keeper("a", { version }))
        yield* add(keeper("b", { version: "0.1.0-beta.2" }))
        assert.deepStrictEqual((yield* contracts.list).map(({ id, version }) => `${id}@${version}`), [
          "a@1.10.0",
          "a@1.9.0",
          "a@1.2.0",
          "a@2.0.0-rc.1",
          "b@0.1.0-beta.2"
        ])
        assert.strictEqual((yield* contracts.get("a")).version, "1.10.0")
        assert.strictEqual((yield* contracts.get("a", "2.0.0-rc.1")).version, "2.0.0-rc.1")
        assert.strictEqual((yield* contracts.get("b")).version, "0.1.0-beta.2")
        const error = yield* Effect.flip(contracts.get("a", "3.0.0"))
        assert.strictEqual(
          error.message,
          `There is no contract "a" version 3.0.0; there are a@1.10.0, a@1.9.0, a@1.2.0, a@2.0.0-rc.1`
        )
      }).pipe(Effect.provide(layer())))
  })

  describe("start", () => {
    it.effect("C-05: an unknown contract is a typed failure that names those there are", () =>
      Effect.gen(function*() {
        assert.strictEqual(
          (yield* Effect.flip(start({ contract: "nobody" }))).message,
          `There is no contract "nobody"; none has been added`
        )
        yield* add(keeper("a"))
        assert.deepInclude(yield* Effect.flip(start({ contract: "nobody" })), {
          _tag: "ContractNotFound",
          known: ["a@1.0.0"]
        })
      }).pipe(Effect.provide(layer())))

    it.effect("C-04: a run is started by hand with an event, which it sees as trigger", () =>
      Effect.gen(function*() {
        yield* add(keeper("a"))
        const { joined, runId } = yield* start({
          contract: "a",
          event: { name: "ticket.created", payload: sampleTicket },
          by: "ada"
        })
        assert.isFalse(joined)
        yield* assertOutput(runId, { trigger: sampleTicket, input: sampleTicket, run: "1.0.0" })
        const [first] = yield* journal(runId)
        assert.deepInclude(first, { _tag: "RunRequested", by: "ada", trigger: { event: "ticket.created", id: runId } })
      }).pipe(Effect.provide(layer())))

    it.effect("what a run is given by hand is its input and its trigger", () =>
      Effect.gen(function*() {
        const { runId } = yield* start({ contract: keeper("a"), input: { n: 1 } })
        yield* assertOutput(runId, { trigger: { n: 1 }, input: { n: 1 }, run: "1.0.0" })
        const both = yield* start({ contract: "a", input: { n: 1 }, event: { name: "x", payload: 2 } })
        yield* assertOutput(both.runId, { trigger: 2, input: { n: 1 }, run: "1.0.0" })
      }).pipe(Effect.provide(layer())))

    it.effect("every start is a run of its own, unless a key or an event says that it is the same", () =>
      Effect.gen(function*() {
        yield* add(keeper("a"))
        yield* add(keeper("b"))
        const plain = [yield* start({ contract: "a" }), yield* start({ contract: "a" })]
        assert.strictEqual(new Set(plain.map(({ runId }) => runId)).size, 2)
        const first = yield* start({ contract: "a", key: "k" })
        assert.deepStrictEqual(yield* start({ contract: "a", key: "k" }), {
          runId: first.runId,
          joined: true,
          otherInput: false
        })
        assert.isFalse((yield* start({ contract: "b", key: "k" })).joined)
        for (const contract of ["a", keeper("new")]) {
          const error = yield* Effect.flip(start({ contract, key: "" }))
          assert.include(error.message, "its key is empty")
        }
        const cut = yield* Effect.forEach(["\ud83d", "\ud83e", "\ufffd"], (key) => start({ contract: "a", key }))
        assert.strictEqual(new Set(cut.map(({ runId }) => runId)).size, 3)
        const event = { name: "x", id: "e1", payload: null }
        const once = yield* start({ contract: "a", event })
        assert.deepStrictEqual(yield* start({ contract: "a", event }), {
          runId: once.runId,
          joined: true,
          otherInput: false
        })
      }).pipe(Effect.provide(layer())))

    it.effect("Runs.start takes contracts by name", () =>
      Effect.gen(function*() {
        const runs = yield* Runs
        yield* add(keeper("a"))
        const { runId } = yield* runs.start("a", { n: 1 }, { key: "k" })
        yield* settled
        yield* assertOutput(runId, { trigger: { n: 1 }, input: { n: 1 }, run: "1.0.0" })
        assert.deepStrictEqual(yield* start({ contract: "a", key: "k" }), { runId, joined: true, otherInput: true })
        assert.isFalse((yield* runs.start("a", null, { key: "k", new: true })).joined)
        assert.strictEqual((yield* Effect.flip(runs.start("a", () => 1)))._tag, "PayloadRefused")
      }).pipe(Effect.provide(layer())))

    it.effect("S10: a run finishes on its own version when a newer one comes", () =>
      Effect.gen(function*() {
        const waits = (version: string) =>
          document([
            step("wait", "hold", "say", { event: "go" }),
            step("transform", "say", null, { set: { v: version } })
          ], { version })
        const old = yield* begin(waits("1.0.0"))
        const fresh = yield* begin(waits("2.0.0"))
        yield* publish("go", null)
        yield* assertOutput(old, { v: "1.0.0" })
        yield* assertOutput(fresh, { v: "2.0.0" })
      }).pipe(Effect.provide(layer())))
  })

  describe("triggers", () => {
    it.effect("C-07, C-08, C-16: an event starts one run of every contract that it triggers", () =>
      Effect.gen(function*() {
        yield* add(
          keeper("a", { triggers: [{ type: "event", event: "ticket.*" }, { type: "event", event: "ticket.created" }] })
        )
        yield* add(keeper("a2", on("ticket.created")))
        yield* add(keeper("b", on("github.pr.opened")))
        yield* publish("ticket.created", { id: 1 })
        assert.deepStrictEqual(
          [(yield* runsOf("a")).length, (yield* runsOf("a2")).length, (yield* runsOf("b")).length],
          [1, 1, 0]
        )
        yield* publish("github.pr.opened", { id: 2 })
        const [run] = yield* runsOf("b")
        yield* assertOutput(run!, { trigger: { id: 2 }, input: { id: 2 }, run: "1.0.0" })
        assert.strictEqual((yield* runsOf("a")).length, 1)
      }).pipe(Effect.provide(layer())))

    it.effect("one event starts one run, however often it comes", () =>
      Effect.gen(function*() {
        yield* add(keeper("a", on("x")))
        for (const id of ["one", "one", "two"]) yield* publish("x", null, { id })
        assert.strictEqual((yield* runsOf("a")).length, 2)
      }).pipe(Effect.provide(layer())))

    it.effect("where decides, and key makes events one; what neither can cope with starts nothing or a run of its own", () =>
      Effect.gen(function*() {
        yield* add(keeper("a", on("x", { where: "$length(trigger.text) > 2", key: "trigger.id" })))
        for (const payload of [{ text: "no" }, { text: 7 }, null]) yield* publish("x", payload)
        assert.deepStrictEqual(yield* runsOf("a"), [])
        for (const id of ["T-1", "T-1", "T-2"]) yield* publish("x", { text: "yes", id })
        assert.strictEqual((yield* runsOf("a")).length, 2)
        assert.isTrue((yield* start({ contract: "a", key: "T-1" })).joined)
        for (let count = 0; count < 2; count++) yield* publish("x", { text: "yes" })
        assert.strictEqual((yield* runsOf("a")).length, 4)
      }).pipe(Effect.provide(layer())))

    it.effect("only the newest version is triggered", () =>
      Effect.gen(function*() {
        yield* add(keeper("a", on("x")))
        yield* add(keeper("a", { ...on("y"), version: "1.1.0" }))
        yield* publish("x", null)
        assert.deepStrictEqual(yield* runsOf("a"), [])
        yield* publish("y", null)
        const [run] = yield* runsOf("a")
        assert.deepInclude((yield* end(run!)).output, { run: "1.1.0" })
      }).pipe(Effect.provide(layer())))

    it.effect("an emitted event triggers another contract", () =>
      Effect.gen(function*() {
        yield* add(keeper("b", on("my.started")))
        yield* begin(document([step("emit", "tell", null, { event: "my.started", payload: { from: "{{ run.id }}" } })]))
        const [run] = yield* runsOf("b")
        const [from] = yield* runsOf("sample")
        assert.deepInclude((yield* end(run!)).output, { trigger: { from } })
      }).pipe(Effect.provide(layer())))

    it.effect("an event of the engine triggers a contract that names it, and such a run triggers no more", () =>
      Effect.gen(function*() {
        const alarm = document([step("task", "alarm", null, { task: "nobody" })], {
          id: "alarm",
          ...on("engine.run.failed")
        })
        yield* add(alarm)
        yield* add(keeper("all", on("**")))
        const id = yield* begin(document([step("task", "do", null, { task: "nobody" })]))
        yield* settled
        const alarms = yield* runsOf("alarm")
        assert.strictEqual(alarms.length, 1)
        const [first] = yield* journal(alarms[0]!)
        assert.include(JSON.stringify(first), `"runId":"${id}"`)
        assert.strictEqual((yield* end(alarms[0]!)).status, "failed")
        assert.deepStrictEqual(yield* runsOf("all"), [])
      }).pipe(
        Effect.provide(layer({ tasks: TaskRuntime.layerHandlers({ nobody: () => Effect.fail("nobody is here") }) }))
      ))

    it.effect("a run may wait for an event of the engine", () =>
      Effect.gen(function*() {
        const watcher = yield* begin(document([
          step("wait", "over", null, { event: "engine.run.completed", where: "event.workflow = 'other'" })
        ]))
        yield* begin(keeper("else"))
        assert.strictEqual((yield* end(watcher)).status, "suspended")
        const other = yield* begin(keeper("other"))
        yield* settled
        assert.deepInclude((yield* end(watcher)).output, { runId: other, workflow: "other" })
      }).pipe(Effect.provide(layer())))
  })

  it.effect("S9: a run whose journal can no longer be read triggers the contract that listens for runs in need of an operator", () => {
    const store = MemoryBackend.makeStore()
    const on = onHostOf(store)
    return Effect.gen(function*() {
      const id = yield* on(begin(document([step("wait", "hold", null, { event: "go" })])))
      store.runs.get(id)!.entries[1] = "torn"
      const alarms = yield* on(Effect.gen(function*() {
        yield* add(
          keeper("alarm", {
            triggers: [{ type: "event", event: "engine.run.suspended", where: "trigger.reason = 'corrupt'" }]
          })
        )
        yield* publish("go", "on")
        yield* settled
        return yield* Effect.forEach(yield* runsOf("alarm"), end)
      }))
      assert.lengthOf(alarms, 1)
      const output = alarms[0]?.output as { readonly trigger: object }
      assert.deepInclude(output.trigger, { runId: id, workflow: "sample", reason: "corrupt" })
    })
  })

  it.effect("a contract that one process adds, another process serves", () => {
    const store = MemoryBackend.makeStore()
    const on = onHostOf(store)
    return Effect.gen(function*() {
      const id = yield* on(begin(document([step("wait", "hold", null, { event: "go" })])))
      yield* on(publish("go", "on"))
      yield* on(assertOutput(id, "on"))
    })
  })

  it.effect("a contract whose document is gone stays where it is and others go on", () => {
    const store = MemoryBackend.makeStore()
    const on = onHostOf(store)
    return Effect.gen(function*() {
      const lost = yield* on(begin(document([step("wait", "hold", null, { event: "go" })])))
      const kept = yield* on(begin(document([step("wait", "hold", null, { event: "go" })], { id: "kept" })))
      for (const [key, row] of store.definitions) {
        if (row.name === "sample") store.definitions.set(key, { ...row, document: "{}" })
      }
      yield* on(publish("go", "on"))
      yield* on(assertOutput(kept, "on"))
      assert.strictEqual((yield* on(end(lost))).status, "suspended")
    })
  })

  describe("the ready-made contract", () => {
    const analyse = (done: Array<unknown>) =>
      TaskRuntime.layerHandlers({ "analyze-ticket": (input) => Effect.sync(() => ({ seen: done.push(input) })) })
    const script = (severity: string, category = "bug"): ReadonlyArray<Rule> => [
      { when: "Bug in login flow", reply: { category, severity, summary: "Login reloads." } }
    ]
    const critical = { category: "bug", severity: "critical", summary: "Login reloads." }
    const triage = { category: "bug", severity: "normal", summary: "Login reloads." }

    it.effect("C-06: a bug is analysed and the result published, once per ticket", () => {
      const done: Array<unknown> = []
      return Effect.gen(function*() {
        yield* add(ticketTriageDocument)
        const { heard } = yield* hearing(
          "ticket.triaged",
          Effect.andThen(
            publish("ticket.created", sampleTicket),
            publish("ticket.created", sampleTicket)
          )
        )
        const [run] = yield* runsOf("fermata.ticket-triage")
        assert.deepStrictEqual(heard.map(({ payload }) => payload), [{
          id: "T-123",
          triage,
          analysis: { seen: 1 },
          run
        }])
        assert.strictEqual((yield* end(run!)).status, "completed")
        assert.deepStrictEqual(done, [{ ticket: sampleTicket, triage }])
      }).pipe(Effect.provide(layer({ tasks: analyse(done), rules: script("normal") })))
    })

    it.effect("a critical one asks people first, and nobody's answer within a day is a no", () => {
      const done: Array<unknown> = []
      return Effect.gen(function*() {
        yield* add(ticketTriageDocument)
        const { heard, result: [yes, no] } = yield* hearing(
          "ticket.triaged",
          Effect.gen(function*() {
            yield* publish("ticket.created", sampleTicket)
            yield* publish("ticket.created", { ...sampleTicket, id: "T-124" })
            const ids = yield* runsOf("fermata.ticket-triage")
            const runs = yield* Runs
            assert.deepStrictEqual((yield* runs.approvals()).map(({ prompt }) => prompt), [
              "T-123 looks critical: Login reloads. Analyse it now?",
              "T-124 looks critical: Login reloads. Analyse it now?"
            ])
            yield* publish("engine.approval.granted", { runId: ids[0]!, stepId: "confirm", grantedBy: "on-call" })
            yield* pass("24 hours")
            return ids
          })
        )
        assert.deepStrictEqual(heard.map(({ payload }) => payload), [
          { id: "T-123", triage: critical, analysis: { seen: 1 }, run: yes },
          { id: "T-124", triage: critical, analysis: null, run: no }
        ])
        for (const id of [yes, no]) assert.strictEqual((yield* end(id!)).status, "completed")
      }).pipe(Effect.provide(layer({ tasks: analyse(done), rules: script("critical") })))
    })

    it.effect("without a model it is treated as a normal question", () =>
      Effect.gen(function*() {
        yield* add(ticketTriageDocument)
        const { heard } = yield* hearing("ticket.triaged", publish("ticket.created", sampleTicket))
        assert.deepInclude(heard[0]?.payload as object, {
          triage: { category: "question", severity: "normal", summary: "Bug in login flow" }
        })
      }).pipe(Effect.provide(layer({ tasks: analyse([]) }))))
  })

  it.effect("S1, S4: a contract with every kind of step survives a crash at every write", () => {
    const steps = [
      step("transform", "prepare", "sort", { set: { n: "{{ input.n + 1 }}" } }),
      step("llm", "sort", "route", { prompt: "sort {{ state.n }}" }),
      step("branch", "route", null, { cases: [{ when: "steps.sort.output = 'bug'", next: "here" }], default: null }),
      step("task", "here", "there", {
        task: "here",
        onCrash: "rerun-keyed",
        retry: { maxAttempts: 3, initialMs: 60_000 }
      }),
      step("task", "there", "hold", { task: "there", onCrash: "rerun-keyed" }),
      step("wait", "hold", "gate", { event: "go", where: "event.n = state.n", timeout: { ms: 86_400_000 } }),
      step("approval", "gate", null, {
        prompt: "{{ steps.hold.output.n }}?",
        approvers: ["ada"],
        timeout: { ms: 86_400_000 },
        nextOnApproved: "tell",
        nextOnDenied: null
      }),
      step("emit", "tell", null, {
        event: "all.done",
        payload: { here: "{{ steps.here.output }}", there: "{{ steps.there.output }}" }
      })
    ]
    let flaky = 0
    const tasks = Layer.succeed(TaskRuntime, {
      tasks: ["here", "there"],
      submit: ({ task }) =>
        Effect.suspend((): Effect.Effect<TaskReply, TaskFailed> =>
          task === "there"
            ? Effect.succeed({ _tag: "Submitted" })
            : ++flaky % 2 === 0
            ? Effect.succeed({ _tag: "Done", output: "ok" })
            : Effect.fail(new TaskFailed({ task, problem: "not yet", retryable: true }))
        )
    })
    const workflows = serving({ tasks, rules: [{ when: "sort", reply: "bug" }] })
    const drive = (host: CrashHost.Host, world: CrashHost.World) =>
      host.use(Effect.gen(function*() {
        const contracts = yield* Contracts
        const events = yield* Events
        const store = yield* Store
        const { runId } = yield* contracts.start({ contract: document(steps), input: { n: 1 }, key: "one" })
        yield* host.settled
        for (let hour = 0; hour < 4; hour++) {
          yield* TestClock.adjust("1 minute")
          yield* host.settled
          yield* events.emit("go", { n: 1 }, { id: "other" })
          yield* events.emit("engine.step.completed", { runId, stepId: "there", output: "far" }, { id: "far" })
          yield* events.emit("go", { n: 2 }, { id: "right" })
          yield* host.settled
          if ((yield* store.backend.approvals(runId, 1)).length > 0) {
            yield* world.answer(runId, "gate", { decision: "approve", by: "ada", id: "answer" })
          }
          yield* host.settled
        }
      }) as Effect.Effect<void, unknown>)
    return Effect.gen(function*() {
      const report = yield* CrashExplorer.explore({ workflows, drive })
      assert.isAbove(report.writes, 15)
      assert.strictEqual(report.crashes, report.writes * 2)
    })
  })
})
