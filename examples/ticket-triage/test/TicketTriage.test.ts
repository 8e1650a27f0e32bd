import { assert, describe, it } from "@effect/vitest"
import { Contracts } from "@fermata/contracts/Contracts"
import * as Llm from "@fermata/contracts/Llm"
import { TaskRuntime } from "@fermata/contracts/TaskRuntime"
import { sampleTicket, ticketTriageDocument } from "@fermata/contracts/TicketTriage"
import { Events } from "@fermata/engine/Events"
import { Runs } from "@fermata/engine/Runs"
import * as CrashExplorer from "@fermata/testing/CrashExplorer"
import { TestHost } from "@fermata/testing/TestHost"
import { Context, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import contract from "../contract.json" with { type: "json" }
import { analyzeTicket } from "../src/AnalyzeTicket.ts"
import * as Script from "../src/Script.ts"
import ticket from "../ticket.json" with { type: "json" }

const serving = (llm: Layer.Layer<Llm.Llm>) =>
  Runs.layer.pipe(
    Layer.provideMerge(Contracts.layer),
    Layer.provideMerge(Events.layer),
    Layer.provide(TaskRuntime.layerHandlers({ "analyze-ticket": analyzeTicket })),
    Layer.provide(llm)
  )

const app = (llm: Layer.Layer<Llm.Llm> = Script.layer) => Layer.provideMerge(serving(llm), TestHost.layer)

const settled = TestHost.use(({ settled }) => settled)

const start = Effect.fnUntraced(function*(payload: typeof ticket) {
  const { runId } = yield* Contracts.use((contracts) =>
    contracts.start({ contract, event: { name: "ticket.created", payload } })
  )
  yield* settled
  return runId
})

const show = (run: string) => Runs.use((runs) => runs.show(run))
const answer = (run: string, decision: "approve" | "deny", by: string) =>
  Effect.andThen(Runs.use((runs) => runs.answer(run, { decision, by })), settled)

interface Triaged {
  readonly id: string
  readonly run: string
  readonly triage: unknown
  readonly analysis: unknown
}

/** What the run has published as `ticket.triaged`. */
const published = (run: string) =>
  Effect.map(
    show(run),
    ({ events }) => events.filter(({ name }) => name === "ticket.triaged").map(({ payload }) => payload as Triaged)
  )

const triage = { category: "bug", severity: "critical", summary: "Bug in login flow." }

describe("ticket-triage", () => {
  it("is the ready-made contract under a name and with approvers of its own", () => {
    const readyMade = JSON.stringify(ticketTriageDocument)
      .replace(`"fermata.ticket-triage"`, `"ticket-triage"`)
      .replace(`["support-lead","on-call"]`, `["admin","support-lead"]`)
    assert.deepStrictEqual(contract, JSON.parse(readyMade))
    assert.deepStrictEqual(ticket, sampleTicket)
  })

  it.effect("asks before it acts on the sample ticket, and analyses it after a yes", () =>
    Effect.gen(function*() {
      const run = yield* start(ticket)
      const { reason, status, waits } = yield* show(run)
      assert.deepStrictEqual([status, reason, waits[0]?.who], ["suspended", "approval", ["admin", "support-lead"]])

      yield* answer(run, "approve", "admin")
      assert.strictEqual((yield* show(run)).status, "completed")
      assert.deepStrictEqual(yield* published(run), [{
        id: "T-123",
        run,
        triage,
        analysis: { component: "login", regression: true, answerWithin: "1 hour" }
      }])
    }).pipe(Effect.provide(app())))

  it.effect("publishes without an analysis after a no", () =>
    Effect.gen(function*() {
      const run = yield* start(ticket)
      yield* answer(run, "deny", "support-lead")
      const [event] = yield* published(run)
      assert.deepStrictEqual([event?.triage, event?.analysis], [triage, null])
    }).pipe(Effect.provide(app())))

  it.effect("takes no answer from somebody who may not give one, and none at all after a day", () =>
    Effect.gen(function*() {
      const run = yield* start(ticket)
      assert.strictEqual((yield* Effect.flip(answer(run, "approve", "mallory")))._tag, "NotAllowed")
      yield* TestClock.adjust("1 day")
      yield* settled
      assert.strictEqual((yield* published(run))[0]?.analysis, null)
      assert.strictEqual((yield* Effect.flip(answer(run, "approve", "admin")))._tag, "AnsweredAlready")
    }).pipe(Effect.provide(app())))

  it.effect("asks nobody about an ordinary bug", () =>
    Effect.gen(function*() {
      const run = yield* start({ id: "T-124", title: "Export has an error", body: "The last column is empty." })
      assert.strictEqual((yield* show(run)).status, "completed")
      assert.deepStrictEqual((yield* published(run))[0]?.analysis, {
        component: "export",
        regression: false,
        answerWithin: "2 days"
      })
    }).pipe(Effect.provide(app())))

  it.effect("treats the ticket as a question when the model fails for good", () =>
    Effect.gen(function*() {
      const run = yield* start(ticket)
      assert.strictEqual((yield* show(run)).status, "completed")
      assert.deepStrictEqual((yield* published(run))[0]?.triage, {
        category: "question",
        severity: "normal",
        summary: ticket.title
      })
    }).pipe(Effect.provide(app(Llm.Llm.layerNone))))

  it.effect("is started by the event, once for each ticket", () =>
    Effect.gen(function*() {
      yield* Contracts.use((contracts) => contracts.add(contract))
      const emit = (payload: typeof ticket) =>
        Effect.andThen(Events.use((events) => events.emit("ticket.created", payload)), settled)
      yield* emit(ticket)
      yield* emit(ticket)
      yield* emit({ ...ticket, id: "T-125" })
      const runs = yield* Runs.use((runs) => runs.list({ workflow: "ticket-triage" }))
      assert.lengthOf(runs, 2)
    }).pipe(Effect.provide(app())))

  it.effect("S1, S4: a crash at any write changes neither the classification, nor the analysis, nor the event", () =>
    Effect.gen(function*() {
      let services = Context.empty() as Context.Context<Contracts | Runs>
      const { crashes, writes } = yield* CrashExplorer.explore({
        workflows: Layer.effectDiscard(
          Effect.map(Effect.context<Contracts | Runs>(), (context) => void (services = context))
        ).pipe(Layer.provide(serving(Script.layer))),
        drive: (host) =>
          Effect.gen(function*() {
            const { runId } = yield* Contracts.use((contracts) =>
              contracts.start({ contract, key: "T-123", event: { name: "ticket.created", payload: ticket } })
            )
            yield* host.settled
            yield* Effect.exit(Runs.use((runs) => runs.answer(runId, { decision: "approve", by: "admin" })))
            yield* host.settled
          }).pipe(Effect.provideContext(services))
      })
      assert.isAbove(writes, 6)
      assert.strictEqual(crashes, 2 * writes)
    }))
})
