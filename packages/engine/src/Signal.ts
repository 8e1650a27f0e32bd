/**
 * Signals: facts from outside, addressed to a run. A signal that arrives before
 * the run waits for it is kept; each is taken once, in order of arrival, and
 * one that arrives twice under the same id counts once.
 */
import type { EntryOf } from "@fermata/core/JournalEntry"
import { SignalReserved } from "@fermata/core/RunsErrors"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { WorkflowInstance } from "effect/workflow/WorkflowEngine"
import type { StorageFailed } from "./Backend.ts"
import { Engine } from "./Engine.ts"
import * as Acting from "./internal/Acting.ts"
import * as CurrentRuntime from "./internal/CurrentRuntime.ts"
import * as Handover from "./internal/Handover.ts"
import { jsonCodec } from "./internal/JsonCodec.ts"
import { CurrentRun, type WaitPort } from "./internal/run/RunPort.ts"
import type { Signal } from "./internal/SignalDeclaration.ts"
import { isReserved, signalId } from "./internal/SignalId.ts"

/** A signal was sent to a run that is not there, or that is over, or its payload is none that could be stored. */
export class SignalRefused extends Schema.TaggedError<SignalRefused>()("SignalRefused", {
  runId: Schema.String,
  name: Schema.String,
  reason: Schema.Literals(["unknown", "closed", "payload", "reserved"]),
  /** Why its payload cannot be stored, or does not fit its schema. */
  problem: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    if (this.reason === "payload") {
      return `The signal "${this.name}" to run ${this.runId} is refused: ${this.problem ?? "its payload does not fit"}`
    }
    if (this.reason === "reserved") return new SignalReserved({ runId: this.runId, signal: this.name }).message
    return this.reason === "unknown"
      ? `There is no run ${this.runId} to take the signal "${this.name}"`
      : `Run ${this.runId} is over and takes no signal "${this.name}"`
  }
}

export type { Signal } from "./internal/SignalDeclaration.ts"

/** Defines a kind of signal. Without a schema it carries nothing. */
export function make(name: string): Signal<Schema.Void>
export function make<A extends Schema.Top>(name: string, options: { readonly schema: A }): Signal<A>
export function make(name: string, options?: { readonly schema: Schema.Top }): Signal<Schema.Top> {
  return { name, schema: options?.schema ?? Schema.Void }
}

/**
 * Waits, in the body of a workflow, for the next signal of this kind. One whose
 * payload does not fit the schema is logged and passed over.
 */
export const receive = <A extends Schema.Top>(
  self: Signal<A>
): Effect.Effect<A["Type"], never, Engine | WorkflowInstance> =>
  Effect.map(taken(self, "received", (waits) => waits.signal(self.name)), Option.getOrThrow)

/**
 * Takes the next signal of this kind that the run has been told of already, if
 * there is one, without waiting. It is consumed, as by `receive`.
 *
 * A run is told of what is in its inbox one by one, whenever its body has
 * nothing left to do but wait: so what came during a step, a sleep or a
 * question is there behind it, and what comes while the body computes is there
 * behind its next wait. Behind `receive` itself there may be none although more
 * has come, since the body goes on with the first. So ask between two rounds of
 * a loop, and until there is none. A replay sees the same at the same place.
 *
 * One whose payload does not fit the schema is logged and passed over. Dies in
 * a step and outside of a run.
 *
 * @example
 * ```ts
 * let message = yield* Signal.poll(Message)
 * while (Option.isSome(message)) {
 *   history.push(message.value)
 *   message = yield* Signal.poll(Message)
 * }
 * ```
 */
export const poll = <A extends Schema.Top>(
  self: Signal<A>
): Effect.Effect<Option.Option<A["Type"]>, never, Engine | WorkflowInstance> =>
  taken(self, "polled", (waits) => waits.poll(self.name))

/**
 * Takes the next signal of this kind, or answers with none, and then the run is
 * to end: what the body returns is its end. No signal of this kind that was
 * acknowledged by then is lost. One that comes in the last moment, when the body
 * has been told to end and the end is not recorded, takes that back: nothing
 * that the body has asked for since is recorded or sent, and it is run again up
 * to this place and given the signal here.
 *
 * So return at once, or after what is done at once (documents, events,
 * decisions). A body that waits for something behind the answer has not ended;
 * what comes meanwhile is there to be taken, and what is not taken by its end is
 * in the journal as received or as too late. It ends over it unless it asks
 * again. A step that other fibers of the body have under way is waited for
 * before the answer is none.
 *
 * One whose payload does not fit the schema is logged and passed over. Dies in
 * a step and outside of a run.
 *
 * @example
 * ```ts
 * while (true) {
 *   const message = yield* Signal.nextOrEnd(Message)
 *   if (Option.isNone(message)) return history
 *   history.push(yield* reply(message.value))
 * }
 * ```
 */
export const nextOrEnd = <A extends Schema.Top>(
  self: Signal<A>
): Effect.Effect<Option.Option<A["Type"]>, never, Engine | WorkflowInstance> =>
  taken(self, "asked for", (waits) => waits.nextOrEnd(self.name))

/**
 * Sends a signal to a run. Success means that it is recorded; with an `id`, one
 * that was sent before is not recorded again.
 * In the body of a step a store that fails is asked again; elsewhere that is a
 * `StorageFailed`.
 */
export const send = <A extends Schema.Top>(
  self: Signal<A>,
  options: { readonly runId: string; readonly payload: A["Type"]; readonly id?: string; readonly by?: string }
): Effect.Effect<"accepted" | "duplicate", SignalRefused | StorageFailed, Engine> =>
  Effect.gen(function*() {
    if (isReserved(self.name)) {
      return yield* new SignalRefused({ runId: options.runId, name: self.name, reason: "reserved" })
    }
    const runtime = yield* CurrentRuntime.current
    const payload = yield* payloadOf(self, options)
    const given = options.id === undefined ? undefined : signalId(options.id)
    const id = given ?? runtime.messages.newId("signal")
    const message = StoredJson.compose({ name: self.name, payload, by: options.by })
    const place = yield* CurrentRun
    if (place !== undefined && place.step === undefined) {
      const own = given ??
        place.run.acts.number(`signal:${self.name}:${options.runId}`, `${place.run.row.id}/${self.name}`)
      place.run.acts.send({
        id: `signal:${own}:${options.runId}`,
        kind: "inbox",
        payload: StoredJson.compose({ run: options.runId, id: own, kind: "signal", message }).text
      })
      return "accepted"
    }
    const act = yield* Acting.of(
      runtime.host.now,
      { action: "run.signal", target: options.runId, by: options.by, detail: { signal: self.name } },
      () => null,
      true
    )
    const { result } = yield* runtime.messages.send({
      row: { run: options.runId, id, kind: "signal", payload: message.text, at: runtime.host.now() },
      ...(act === undefined ? {} : { act })
    })
    if (result === "accepted" || result === "duplicate") return result
    return yield* new SignalRefused({
      runId: options.runId,
      name: self.name,
      reason: result === "closed" ? "closed" : "unknown"
    })
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The first of what `next` gives that fits the schema; none where it gives none. `how` is what the code does, for people. */
const taken = <A extends Schema.Top>(
  self: Signal<A>,
  how: string,
  next: (waits: WaitPort) => Effect.Effect<EntryOf<"SignalReceived"> | undefined>
): Effect.Effect<Option.Option<A["Type"]>, never, Engine | WorkflowInstance> => {
  const decode = Schema.decodeUnknownExit(jsonCodec(self.schema))
  return Effect.gen(function*() {
    yield* Engine
    if (isReserved(self.name)) {
      return yield* Effect.die(
        new Error(`Signal "${self.name}" is the engine's own: wait for a larger budget with Workflows.awaitBudget`)
      )
    }
    const place = yield* CurrentRun
    if (place === undefined || place.step !== undefined) {
      return yield* Effect.die(
        new Error(`Signal "${self.name}" is ${how} in the body of a workflow, not in a step or outside a run`)
      )
    }
    place.run.waits.declare(self)
    while (true) {
      const signal = yield* next(place.run.waits)
      if (signal === undefined) return Option.none()
      const payload = decode(signal.payload ?? null)
      if (Exit.isSuccess(payload)) return Option.some(payload.value as A["Type"])
      yield* Effect.logWarning(
        `signal "${self.name}" (${signal.id}) does not fit its schema and is passed over`,
        payload.cause
      )
    }
  })
}

const payloadOf = <A extends Schema.Top>(
  { name, schema }: Signal<A>,
  { payload, runId }: { readonly runId: string; readonly payload: A["Type"] }
): Effect.Effect<StoredJson.StoredJson, SignalRefused> =>
  Effect.suspend(() => {
    const codec = jsonCodec(schema)
    const decode = Schema.decodeUnknownExit(codec)
    const both = { encode: Schema.encodeUnknownExit(codec), decode: (json: unknown) => decode(json ?? null) }
    const handed = Handover.through("payload", "input", both, payload, {})
    return Result.isSuccess(handed)
      ? Effect.succeed(handed.success.stored ?? StoredJson.nothing)
      : Effect.fail(
        new SignalRefused({
          runId,
          name,
          reason: "payload",
          problem: `its payload cannot be stored: ${handed.failure.problem}`
        })
      )
  })
