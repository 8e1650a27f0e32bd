/** The stream of an agent in the forms of the AI SDK and of AG-UI, read by their own readers. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, AgentEncoding, AgUiStream, type AiSdkStream, StreamPlace } from "@fermata/agent"
import type { AgentEvent } from "@fermata/agent/AgentEvent"
import * as AgentTool from "@fermata/agent/AgentTool"
import * as Scripted from "@fermata/agent/model/Scripted"
import type { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import { TestHost } from "@fermata/testing/TestHost"
import type { UIMessage, UIMessageChunk } from "ai"
import { Deferred, Effect, Fiber, Layer, Result, Schema, type Scope, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { agUi, agUiMessages, lastId, type Shown, uiMessage } from "./AgentReaders.ts"
import { answer, call, calls, say, type Script, world } from "./AgentWorld.ts"

/** Each chunk that we tell is one of the AI SDK: `tsc` holds it. */
const isTheirs = (chunk: AiSdkStream.Chunk): UIMessageChunk => chunk

const Read = Tool.make("Read", { parameters: Schema.Struct({ path: Schema.String }), success: Schema.String })
  .annotateMerge(AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" }))
const Send = Tool.make("Send", { parameters: Schema.Struct({ to: Schema.String }), success: Schema.String })
  .annotateMerge(AgentTool.rules({ onCrash: "ask", permission: "network" }))
const kit = Toolkit.make(Read, Send)

const helper = Agent.make("helper", { instructions: "Help.", model: "h" })
const lead = Agent.make("lead", { instructions: "Lead.", model: "m", toolkit: kit, agents: [helper] })

const handlers = kit.toLayer({
  Read: ({ path }) => path === "gone" ? Effect.die(new Error("no such file")) : Effect.succeed(`text of ${path}`),
  Send: ({ to }) => Effect.succeed(`sent to ${to}`)
})

const formats = ["ai-sdk", "ag-ui", "events"] as const
type Format = (typeof formats)[number]
type Heard = Readonly<Record<Format, ReadonlyArray<AgentEncoding.Sent>>>

const sentOf = (run: string, format: Format, heard: ReadonlyArray<AgentEncoding.Sent> = []) => {
  const id = lastId(heard)
  const from = id === undefined ? {} : Result.getOrThrow(StreamPlace.parse(id, run))
  return Effect.map(Stream.runCollect(AgentEncoding.of(run, { format, from })), (all) => all.flat())
}

/** Text and thoughts, a try that breaks off, tools of which one fails, a question that is denied and one that is not, a subagent. */
const live = Effect.fnUntraced(function*(
  gate: Deferred.Deferred<void>,
  between: (run: string, heard: Heard) => Effect.Effect<void, unknown, Runs | Chunks | Scope.Scope>
) {
  const test = yield* TestHost
  const runs = yield* Runs
  const run = yield* lead.start("go", { id: "1" })
  const heard: Record<Format, Array<AgentEncoding.Sent>> = { "ai-sdk": [], "ag-ui": [], events: [] }
  const following = yield* Effect.forEach(formats, (format) =>
    Effect.forkScoped(
      Stream.runForEach(
        AgentEncoding.of(run, { format }),
        (sent) => Effect.sync(() => void heard[format].push(...sent))
      ),
      { startImmediately: true }
    ))
  yield* test.adjust("1 second")
  yield* between(run, heard)
  yield* Deferred.succeed(gate, undefined)
  for (const decision of ["deny", "approve"] as const) {
    yield* test.adjust("5 seconds")
    const { waits } = yield* runs.find(run)
    const [wait] = waits
    assert.strictEqual(wait?.reason, "approval")
    yield* runs.answer(run, { decision, by: "operator" })
    yield* test.adjust("5 seconds")
  }
  yield* test.adjust("10 seconds")
  for (const fiber of following) yield* Fiber.join(fiber)
  assert.strictEqual((yield* runs.find(run)).status, "completed")
  return { run, heard }
})

/** A world in which the lead breaks off once and stands still until the gate opens, and then does all of it. */
const inWorld = <A, E>(
  body: (gate: Deferred.Deferred<void>) => Effect.Effect<A, E, Layer.Success<ReturnType<typeof world>> | Scope.Scope>
) =>
  Effect.gen(function*() {
    const gate = yield* Deferred.make<void>()
    let tries = 0
    const m: Script = (_, turn) => {
      switch (turn) {
        case 0:
          return ++tries === 1
            ? [...say("half of it"), Scripted.fail("stream cut")]
            : Effect.as(
              Deferred.await(gate),
              calls(
                Scripted.thought("two files, it seems"),
                Scripted.text("I read both of them."),
                call("r1", "Read", { path: "a.txt" }),
                call("r2", "Read", { path: "gone" })
              )
            )
        case 1:
          return calls(Scripted.text("May I?"), call("s1", "Send", { to: "bob" }))
        case 2:
          return calls(call("s2", "Send", { to: "eve" }))
        case 3:
          return calls(call("h1", "helper", { prompt: "help me" }), call("b1", "Read", "{\"path\":"))
        default:
          return answer("All is done.")
      }
    }
    const h: Script = () => answer("I have helped.")
    return yield* Effect.scoped(body(gate)).pipe(
      Effect.provide(world({ m, h }, Layer.provide(lead.layer, handlers), helper.layer))
    )
  })

const text = (message: { readonly parts: ReadonlyArray<object> } | undefined) => message?.parts

/** Who has heard the first and then the rest has the whole: with the reader that it had, and with a new one on its message. */
const goesOn = Effect.fnUntraced(function*(
  name: string,
  first: ReadonlyArray<AgentEncoding.Sent>,
  rest: ReadonlyArray<AgentEncoding.Sent>,
  whole: UIMessage | undefined
) {
  const last = first.at(-1)!.data
  const same = yield* Effect.promise(() => uiMessage([...first, ...rest]))
  assert.deepStrictEqual(text(same), text(whole), `${name}, behind ${first.length - 1}: ${last}`)
  // The reader shows the beginning of a step with what comes first in it.
  if (last.includes("start-step")) return
  const before = yield* Effect.promise(() => uiMessage(first))
  const other = yield* Effect.promise(() => uiMessage(rest, before))
  assert.deepStrictEqual(text(other), text(whole), `${name}, anew behind ${first.length - 1}: ${last}`)
})

/** What AG-UI's own client has to show of all of this, and it takes each event. */
const clientShows = (sent: ReadonlyArray<AgentEncoding.Sent>, place: string) =>
  Effect.map(
    Effect.promise(() =>
      agUiMessages(sent).catch((cause: unknown) => {
        throw new Error(`${place}: ${cause instanceof Error ? cause.message : "refused"}`, { cause })
      })
    ),
    // An answer of calls alone has a message without a text.
    (messages) =>
      messages.flatMap(({ content, role }) =>
        typeof content === "string" && content !== "" ? [`${role} ${content}`] : []
      )
        .sort()
  )

/** Who comes late hears of no answer that has begun again, so that nothing needs another id. */
const plain = (shown: Shown) => ({ ...shown, texts: Object.values(shown.texts).sort() })

describe("the stream of an agent in other forms", () => {
  it.effect("P-56, N-04: the AI SDK's own reader makes the same message of it live, late, and resumed at every place", () =>
    inWorld((gate) =>
      Effect.gen(function*() {
        const meanwhile: Array<() => Effect.Effect<void, unknown>> = []
        const { heard, run } = yield* live(gate, (run, heard) =>
          Effect.forEach(heard["ai-sdk"], (_, index) =>
            Effect.gen(function*() {
              const first = heard["ai-sdk"].slice(0, index + 1)
              const rest = yield* Effect.forkScoped(sentOf(run, "ai-sdk", first), { startImmediately: true })
              meanwhile.push(() =>
                Effect.flatMap(Fiber.join(rest), (after) => goesOn("live", first, after, whole))
              )
            }), { discard: true }))
        const all = heard["ai-sdk"]
        const whole = yield* Effect.promise(() => uiMessage(all))
        assert(whole !== undefined)
        assert.strictEqual(whole.id, run)
        assert.strictEqual(all.at(-1)?.data, "[DONE]")
        const types = all.slice(0, -1).map(({ data }) => isTheirs(JSON.parse(data) as AiSdkStream.Chunk).type)
        assert.includeMembers(types, ["start", "reset-step", "text-delta", "tool-output-denied", "finish"])
        assert.deepStrictEqual(
          whole.parts.flatMap((part) =>
            part.type === "text" || part.type === "reasoning"
              ? [`${part.type} ${part.text}`]
              : part.type === "dynamic-tool"
              ? [`${part.toolCallId} ${part.state}`]
              : []
          ),
          [
            "reasoning two files, it seems",
            "text I read both of them.",
            "r1 output-available",
            "r2 output-error",
            "text May I?",
            "s1 output-denied",
            "s2 output-available",
            "h1 output-available",
            "b1 output-error",
            "text All is done."
          ]
        )
        for (const each of meanwhile) yield* each()
        const late = yield* sentOf(run, "ai-sdk")
        assert.deepStrictEqual(text(yield* Effect.promise(() => uiMessage(late))), text(whole), "late")
        for (const [name, sent] of [["whole", all], ["late", late]] as const) {
          for (const index of sent.keys()) {
            const first = sent.slice(0, index + 1)
            yield* goesOn(name, first, yield* sentOf(run, "ai-sdk", first), whole)
          }
        }
      })
    ))

  it.effect("N-04: AG-UI's schemas take each event, and a client ends with the same live, late, and resumed at every place", () =>
    inWorld((gate) =>
      Effect.gen(function*() {
        const meanwhile: Array<() => Effect.Effect<void, unknown>> = []
        const { heard, run } = yield* live(gate, (run, heard) =>
          Effect.forEach(heard["ag-ui"], (_, index) =>
            Effect.gen(function*() {
              const first = heard["ag-ui"].slice(0, index + 1)
              const rest = yield* Effect.forkScoped(sentOf(run, "ag-ui", first), { startImmediately: true })
              meanwhile.push(() =>
                Effect.map(Fiber.join(rest), (after) =>
                  assert.deepStrictEqual(plain(agUi([...first, ...after])), plain(whole), `live, behind ${index}`))
              )
            }), { discard: true }))
        const all = heard["ag-ui"]
        const whole = agUi(all)
        assert.strictEqual(whole.end, "success")
        assert.includeMembers(Object.values(whole.texts), [
          "two files, it seems",
          "I read both of them.",
          "May I?",
          "I have helped.",
          "All is done."
        ])
        assert.strictEqual(Object.values(whole.texts).length, 5, "what was void is gone")
        assert.deepStrictEqual(Object.values(whole.below), [" SUBAGENT_STARTED SUBAGENT_FINISHED"])
        assert.deepInclude(whole.results, { r1: "text of a.txt", s2: "sent to eve", h1: "I have helped." })
        assert.strictEqual(Object.keys(whole.questions).length, 2)
        const shownBy = yield* clientShows(all, "whole")
        assert.includeMembers(shownBy, ["reasoning two files, it seems", "assistant All is done.", "tool sent to eve"])
        for (const each of meanwhile) {
          yield* each()
        }
        const late = yield* sentOf(run, "ag-ui")
        assert.deepStrictEqual(plain(agUi(late)), plain(whole), "late")
        for (const [name, sent] of [["whole", all], ["late", late]] as const) {
          for (const index of sent.keys()) {
            const first = sent.slice(0, index + 1)
            const place = `${name}, behind ${index}: ${sent[index]!.data}`
            const told = [...first, ...yield* sentOf(run, "ag-ui", first)]
            assert.deepStrictEqual(plain(agUi(told)), plain(whole), place)
            // Whoever has heard the end reads no more.
            if (index < sent.length - 1) {
              assert.deepStrictEqual(yield* clientShows(told, place), shownBy, place)
            }
          }
        }
      })
    ))

  // The thoughts of the first and of the second: what was said goes on otherwise in both, or in the text alone.
  it.effect.each([["It is this.", "It is"], ["It is", "It is this."]])(
    "N-04: what a model has said that another answers for is closed and named as void in AG-UI, also where nobody has the parts any more, live and resumed at every place: %s",
    ([first, second]) =>
      Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        const spare = Agent.make("spare", { instructions: "Try.", model: ["m", "n"] })
        // What the second says begins as the first, goes on otherwise, and is longer.
        const m: Script = () => [
          Scripted.thought(first!),
          ...say("The answer is four, of course"),
          Scripted.fail("stream cut")
        ]
        const n: Script = () =>
          Effect.as(
            Deferred.await(gate),
            calls(Scripted.thought(second!), Scripted.text("The answer is five, of course, and not four."))
          )
        yield* Effect.scoped(Effect.gen(function*() {
          const test = yield* TestHost
          const run = yield* spare.start("go", { id: "1" })
          const heard: Array<AgentEncoding.Sent> = []
          const following = yield* Effect.forkScoped(
            Stream.runForEach(
              AgentEncoding.of(run, { format: "ag-ui" }),
              (sent) => Effect.sync(() => void heard.push(...sent))
            ),
            { startImmediately: true }
          )
          yield* test.adjust("1 second")
          // Heard while the first model spoke, and not yet that this is void.
          const said = heard.findIndex(({ data }) => data.includes("fermata.restart"))
          const before = heard.slice(0, said)
          assert.include(Object.values(agUi(before).texts), "The answer is four, of course")
          yield* Deferred.succeed(gate, undefined)
          yield* test.adjust("10 seconds")
          yield* Fiber.join(following)
          const whole = agUi(heard)
          const texts = [second!, "The answer is five, of course, and not four."]
          assert.deepStrictEqual(Object.values(whole.texts).sort(), texts)
          const shownBy = yield* clientShows(heard, "whole")
          assert.deepStrictEqual(shownBy, [`assistant ${texts[1]}`, `reasoning ${texts[0]}`])
          // The run is over, so that nobody has its parts.
          for (const index of before.keys()) {
            const heardFirst = before.slice(0, index + 1)
            const all = [...heardFirst, ...yield* sentOf(run, "ag-ui", heardFirst)]
            const place = `behind ${index}: ${heardFirst[index]!.data}`
            assert.deepStrictEqual(plain(agUi(all)), plain(whole), place)
            assert.deepStrictEqual(yield* clientShows(all, place), shownBy, place)
            for (let next = index + 1; next < all.length - 1; next++) {
              const rest = all.slice(0, next + 1)
              const told = [...rest, ...yield* sentOf(run, "ag-ui", rest)]
              const then = `${place}, then behind ${next}: ${all[next]!.data}`
              assert.deepStrictEqual(plain(agUi(told)), plain(whole), then)
              assert.deepStrictEqual(yield* clientShows(told, then), shownBy, then)
            }
          }
        })).pipe(Effect.provide(world({ m, n }, spare.layer)))
      })
  )

  it.effect("N-04: what a model has said of an answer that never comes is closed and void in AG-UI, where the run is stopped or fails, live and resumed at every place", () =>
    Effect.gen(function*() {
      const tries = Agent.make("tries", { instructions: "Try.", model: "m" })
      const m: Script = () => [Scripted.thought("It is this."), ...say("The answer is"), Scripted.fail("stream cut")]
      const table = [
        [
          "cancelled",
          (run: string) => Effect.flatMap(Runs, (runs) => runs.cancel(run, { by: "ada", reason: "enough" }))
        ],
        // Until nobody tries any more.
        ["failed", () => Effect.void]
      ] as const
      for (const [status, between] of table) {
        yield* Effect.scoped(Effect.gen(function*() {
          const test = yield* TestHost
          const run = yield* tries.start("go", { id: "1" })
          const heard: Array<AgentEncoding.Sent> = []
          const following = yield* Effect.forkScoped(
            Stream.runForEach(
              AgentEncoding.of(run, { format: "ag-ui" }),
              (sent) => Effect.sync(() => void heard.push(...sent))
            ),
            { startImmediately: true }
          )
          yield* test.adjust(1)
          assert.include(Object.values(agUi(heard).texts), "The answer is")
          yield* between(run)
          yield* test.adjust("1 hour")
          yield* Fiber.join(following)
          assert.strictEqual((yield* (yield* Runs).find(run)).status, status)
          assert.deepStrictEqual(agUi(heard).texts, {})
          assert.deepStrictEqual(yield* clientShows(heard, "whole"), [])
          for (let index = 0; index < heard.length - 1; index++) {
            const first = heard.slice(0, index + 1)
            const place = `${status}, behind ${index}: ${first[index]!.data}`
            const told = [...first, ...yield* sentOf(run, "ag-ui", first)]
            assert.deepStrictEqual(agUi(told).texts, {}, place)
            assert.deepStrictEqual(yield* clientShows(told, place), [], place)
          }
        })).pipe(Effect.provide(world(m, tries.layer)))
      }
    }))

  it("N-04: what was said of an answer is closed and void in AG-UI once another step answers", () => {
    const place = { run: "r", agent: "a", depth: 0, at: "1" }
    const delta = (step: string, delta: string): AgentEvent => ({
      ...place,
      type: "part",
      step,
      part: { type: "text-delta", id: "0", delta }
    })
    const [first] = AgUiStream.fold(AgUiStream.begin, delta("model", "half"))
    const [, chunks] = AgUiStream.fold(
      AgUiStream.resume({ r: AgUiStream.placeOf(first, "r", "1") }),
      delta("model~2", "other")
    )
    assert.deepStrictEqual(chunks.map(({ messageId, stepName, type }) => [type, messageId ?? stepName]), [
      ["TEXT_MESSAGE_END", "r/model"],
      ["CUSTOM", undefined],
      ["STEP_FINISHED", "model"],
      ["STEP_STARTED", "model~2"],
      ["TEXT_MESSAGE_START", "r/model~2"],
      ["TEXT_MESSAGE_CONTENT", "r/model~2"]
    ])
    assert.deepInclude(chunks[1], {
      name: "fermata.restart",
      value: { run: "r", step: "model", messages: ["r/model"] }
    })
  })

  it("a place of several runs is one text that a header takes, and another text is refused", () => {
    const place: StreamPlace.StreamPlace = {
      "lead/1 é": { at: "17.4,19.0,21", note: "12.0.1.1.0", heard: 2 },
      helper: { at: "3" }
    }
    const text = StreamPlace.print(place)
    assert.match(text, /^[\x21-\x7e]+$/)
    assert.deepStrictEqual({ ...Result.getOrThrow(StreamPlace.parse(text, "lead")) }, place)
    assert.deepStrictEqual({ ...Result.getOrThrow(StreamPlace.parse("17.4", "lead/1")) }, { "lead/1": { at: "17.4" } })
    for (const odd of ["", "soon", "a=", "a=1&", "%=1", "a=1~", "a=2,1"]) {
      assert.isTrue(Result.isFailure(StreamPlace.parse(odd, "lead")), odd)
    }
  })
})
