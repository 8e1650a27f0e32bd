/**
 * `effect/workflow`'s `WorkflowEngine` on the runs of this engine.
 *
 * Differences from Effect's own engines, each forced by a promise, are listed
 * in the package's DESIGN.md.
 */
import * as DurableTime from "@fermata/core/DurableTime"
import * as ExitJson from "@fermata/core/ExitJson"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import type * as Activity from "effect/workflow/Activity"
import type * as DurableDeferred from "effect/workflow/DurableDeferred"
import * as Workflow from "effect/workflow/Workflow"
import { type Encoded, makeUnsafe, WorkflowEngine, WorkflowInstance } from "effect/workflow/WorkflowEngine"
import type { RunRow } from "../Backend.ts"
import type { Program } from "../Extension.ts"
import type { Message } from "../InboxMessage.ts"
import * as SignalDeclaration from "../SignalDeclaration.ts"
import type { StartRequest } from "../StartRequest.ts"
import type { EngineRuntime } from "./EngineRuntime.ts"
import * as Handover from "./Handover.ts"
import * as Joins from "./Joins.ts"
import { jsonCodec, outcomeCodec } from "./JsonCodec.ts"
import type { StepDefinition } from "./run/Ask.ts"
import type { Limits, Registration } from "./run/RunHost.ts"
import { CurrentRun, type Place } from "./run/RunPort.ts"
import type { Rested } from "./RunWaiters.ts"
import * as RunWatch from "./RunWatch.ts"
import { StepLetGo } from "./StepLimit.ts"
import * as Annotations from "./WorkflowAnnotations.ts"

interface Codecs {
  readonly decodePayload: (json: unknown) => Effect.Effect<unknown, unknown>
  readonly encodePayload: (payload: unknown) => Effect.Effect<unknown, unknown>
  readonly encodeExit: Registration["encodeExit"]
  readonly decodeExit: (json: JournalEntry.ExitJson) => Effect.Effect<Exit.Exit<unknown, unknown>>
  /** Fails where the schemas do not read what is recorded. */
  readonly readExit: (json: JournalEntry.ExitJson) => Effect.Effect<unknown, unknown>
}

const codecsOf = new WeakMap<object, Codecs>()

/** The codecs of a workflow, compiled once. */
export const codecs = (workflow: Workflow.Any): Codecs => {
  const known = codecsOf.get(workflow)
  if (known !== undefined) return known
  const payload = jsonCodec(workflow.payloadSchema)
  const success = outcomeCodec(workflow.successSchema)
  const error = jsonCodec(workflow.errorSchema)
  const encodeError = Schema.encodeUnknownExit(error)
  const decodeError = Schema.decodeUnknownExit(error)
  const made: Codecs = {
    readExit: (json) => {
      const exit = ExitJson.fromJson(json)
      if (Exit.isSuccess(exit)) return success.decode(exit.value)
      const failed = exit.cause.reasons.find((reason) => reason._tag === "Fail")
      return failed === undefined ? Effect.void : decodeError(failed.error)
    },
    decodePayload: Schema.decodeUnknownEffect(payload),
    encodePayload: Schema.encodeUnknownEffect(payload),
    encodeExit: (exit, by) => {
      if (Exit.isFailure(exit)) {
        return ExitJson.toJson(
          mapErrors(
            exit,
            (error) => Handover.guarded(encodeError, error),
            (encoded, error) => Exit.failCause(ExitJson.failure(encoded, error))
          )
        )
      }
      const handed = Handover.through("result", "outcome", success, exit.value, by)
      if (Result.isFailure(handed)) return ExitJson.toJson(Exit.die(handed.failure))
      const { stored } = handed.success
      return stored === undefined ? { _tag: "Success" } : { _tag: "Success", value: stored }
    },
    decodeExit: (json) =>
      Effect.sync(() => {
        const exit = ExitJson.fromJson(json)
        return Exit.isSuccess(exit)
          ? refused(success.decode(exit.value))
          : mapErrors(exit, decodeError)
      })
  }
  codecsOf.set(workflow, made)
  return made
}

/** The executable form of a document. Its schemas stand with its definition. */
export const registrationOf = ({ execute, limits, workflow }: Program): Registration => {
  const { decodePayload, encodeExit } = codecs(workflow)
  return {
    name: workflow._tag,
    version: versionOf(workflow),
    workflow,
    limits,
    schemas: StoredJson.textOf({ payload: null, success: null, error: null }),
    signals: new Map(),
    decodePayload: decodePayload as Registration["decodePayload"],
    encodeExit,
    execute: execute as Registration["execute"]
  }
}

/** JSON Schemas (draft 2020-12) for those who have the store but not the code; null for a schema that has none. */
const schemasOf = (workflow: Workflow.Any): string => {
  const signals = Context.get(workflow.annotations, Annotations.Signals)
  const document = (schema: Schema.Top) => {
    try {
      const made = StoredJson.of(Schema.toJsonSchemaDocument(Schema.toCodecJson(schema)))
      return Result.isSuccess(made) ? made.success.read() : null
    } catch {
      return null
    }
  }
  return StoredJson.textOf({
    payload: document(workflow.payloadSchema),
    success: document(workflow.successSchema),
    error: document(workflow.errorSchema),
    ...(signals === undefined ? {} : { signals: signals.map(SignalDeclaration.of) })
  })
}

/** A value that its schema refuses is a defect of the program. */
const refused = (exit: Exit.Exit<unknown, unknown>): Exit.Exit<unknown, unknown> =>
  Exit.isSuccess(exit)
    ? exit
    : Exit.die(exit.cause.reasons.map((reason) => "error" in reason ? reason.error : reason)[0])

const mapErrors = (
  exit: Exit.Failure<unknown, unknown>,
  map: (error: unknown) => Exit.Exit<unknown, unknown>,
  fail: (mapped: unknown, error: unknown) => Exit.Exit<unknown, unknown> = Exit.fail
): Exit.Exit<unknown, unknown> => {
  for (const reason of exit.cause.reasons) {
    if (reason._tag !== "Fail") continue
    const mapped = map(reason.error)
    return Exit.isSuccess(mapped) ? fail(mapped.value, reason.error) : refused(mapped)
  }
  return exit
}

const limitsOf = (workflow: Workflow.Any): Limits => {
  const limits = { ...Annotations.defaultLimits, ...Context.get(workflow.annotations, Annotations.Limits) }
  for (const [name, limit] of Object.entries(limits)) {
    if (limit >= 0 && !DurableTime.isTooLate(limit)) continue
    throw new Error(
      `Workflow "${workflow._tag}" has ${name}: ${limit}; a limit is a number from 0 to ${DurableTime.latest}, or Infinity for none`
    )
  }
  return limits
}

const versionOf = (workflow: Workflow.Any) => Context.get(workflow.annotations, Annotations.Version)

/** The end of a final run, from its last entry. */
export const endOf = (entry: JournalEntry.JournalEntry | undefined): JournalEntry.ExitJson | undefined => {
  switch (entry?._tag) {
    case "RunCompleted":
      return entry.output === undefined ? { _tag: "Success" } : { _tag: "Success", value: entry.output }
    case "RunFailed":
    case "RunCancelled":
      return { _tag: "Failure", cause: entry.cause }
    default:
      return undefined
  }
}

/** The service on the runs of this engine. `readEnd` reads the end of a run that is final. */
export const make = (
  runtime: EngineRuntime,
  readEnd: (row: RunRow) => Effect.Effect<JournalEntry.ExitJson | undefined, unknown>
): WorkflowEngine["Service"] => {
  const complete = Effect.fnUntraced(function*(workflow: Workflow.Any, json: JournalEntry.ExitJson) {
    return new Workflow.Complete({ exit: yield* codecs(workflow).decodeExit(json) })
  })

  const endResult = Effect.fnUntraced(function*(workflow: Workflow.Any, { last, row }: Rested) {
    const json = endOf(last) ?? (yield* Effect.orDie(runtime.writer.patience.persist(readEnd(row))))
    return yield* complete(workflow, json ?? { _tag: "Failure", cause: [] })
  })

  const suspended = (row: RunRow) => {
    const failure = RunWatch.waitsOf(row).find((wait) => wait.reason === "operator" && wait.key === "failure")
    return failure === undefined
      ? new Workflow.Suspended({})
      : new Workflow.Suspended({ failed: true, cause: Cause.die(new Error(failure.detail)) })
  }

  /** A run that is told to stop leaves a child that it has asked for. What its steps have asked for it leaves all at once. */
  const leave = (child: string): Effect.Effect<void> =>
    Effect.map(CurrentRun, (place) => place?.letGo === true ? undefined : place?.run.leaveChild(child))

  /** In a body with the next commit, and then for sure; elsewhere at once. */
  const send = Effect.fnUntraced(
    function*(kind: "cancel" | "resume", run: string, message: Message<"cancel"> | Message<"resume">) {
      const place = yield* currentPlace
      if (place !== undefined && place.step === undefined) {
        const id = place.run.number(`${kind}:${run}`, `${kind}:${place.run.row.id}`)
        return place.run.send({
          id: `${id}:${run}`,
          kind: "inbox",
          payload: StoredJson.textOf({ run, id, kind, message })
        })
      }
      const id = runtime.messages.newId(kind)
      const row = { run, id, kind, payload: StoredJson.textOf(message), at: runtime.host.now() }
      yield* Effect.orDie(runtime.messages.send({ row }))
    }
  )

  const encoded: Encoded = {
    register: Effect.fnUntraced(function*(workflow, execute) {
      const name = workflow._tag
      const version = versionOf(workflow)
      const { decodePayload, encodeExit } = codecs(workflow)
      const registration: Registration = {
        name,
        version,
        workflow,
        limits: limitsOf(workflow),
        schemas: schemasOf(workflow),
        signals: new Map(
          (Context.get(workflow.annotations, Annotations.Signals) ?? []).map((signal) => [signal.name, signal])
        ),
        decodePayload: decodePayload as Registration["decodePayload"],
        encodeExit,
        execute: execute as Registration["execute"]
      }
      yield* runtime.programs.serve(registration)
      yield* Effect.addFinalizer(() =>
        Effect.suspend(() => {
          runtime.programs.withdraw(registration)
          return runtime.pool.letGo((executor) => executor.registration === registration)
        })
      )
      yield* Effect.orDie(
        Effect.andThen(runtime.programs.define(registration), runtime.loading.retryDiverged(registration))
      )
      runtime.rounds.poke()
    }),

    execute: Effect.fnUntraced(function*(workflow, { detached, discard, executionId, payload }) {
      const place = yield* currentPlace
      const version = versionOf(workflow)
      const encoded = (yield* Effect.orDie(codecs(workflow).encodePayload(payload))) ?? null
      const json = yield* Effect.orDie(Handover.given(`payload of workflow "${workflow._tag}"`, encoded, byOf(place)))
      // A payload that its own schema does not read is the fault of who gave it, and not of the run that would get it.
      yield* Effect.orDie(codecs(workflow).decodePayload(json.read()))
      const parent = place === undefined || detached === true ? undefined : place.run.row
      const request: StartRequest = {
        id: executionId,
        workflow: workflow._tag,
        version,
        kind: "program",
        definition: null,
        root: place?.run.row.root ?? executionId,
        parent: place?.run.row.id ?? null,
        listener: parent?.id ?? null,
        payload: json,
        subscriptions: [],
        // The person who asked for a run counts as having asked for its children.
        ...(place?.run.by === undefined ? {} : { by: place.run.by })
      }
      if (place !== undefined && place.step === undefined) {
        if (detached !== true) yield* leaveWith(place, executionId)
        const start = {
          id: `start:${place.run.row.id}:${executionId}`,
          kind: "start",
          payload: StoredJson.compose({ ...request }).text
        }
        const exit = yield* place.run.askChild(
          { id: executionId, start, workflow: workflow._tag, version, payload: json, linked: detached !== true },
          !discard
        )
        if (exit === undefined) return undefined
        yield* readable(place, executionId, `end of child run ${executionId}`, codecs(workflow).readExit(exit))
        return yield* complete(workflow, exit)
      }
      if (!(yield* Effect.orDie(runtime.programs.isKnown(workflow._tag, version)))) {
        return yield* Effect.die(
          new Error(
            `Workflow "${workflow._tag}" version ${version} is not registered, here or by any other host of this store`
          )
        )
      }
      const joined = (run: RunRow) => Joins.tellOtherInput(runtime.store, run, encoded)
      if (place === undefined && !discard) {
        const started = Effect.flatMap(
          runtime.starts.start(request),
          ({ run, started }) => started ? Effect.succeed(run) : Effect.as(joined(run), run)
        )
        const rested = (yield* Effect.orDie(runtime.waiters.untilRest(executionId, started)))!
        return rested.row.status === "suspended" ? suspended(rested.row) : yield* endResult(workflow, rested)
      }
      const { run, started } = yield* Effect.orDie(runtime.starts.start(request))
      if (!started) yield* joined(run)
      if (place?.step === undefined || discard) return
      const end = place.run.awaitOutside(runtime.writer.patience.insist(runtime.waiters.untilEnd(executionId)))
      const rested = yield* place.run.inStep(place.step, { reason: "child", key: executionId }, end)
      return yield* endResult(workflow, rested!)
    }) as Encoded["execute"],

    poll: Effect.fnUntraced(function*(workflow, executionId) {
      const row = yield* Effect.orDie(runtime.writer.patience.persist(runtime.backend.run(executionId)))
      if (row === null) return Option.none()
      if (row.status === "suspended") return Option.some(suspended(row))
      if (row.status === "queued" || row.status === "running") return Option.none()
      const result = yield* endResult(workflow, { row })
      if (
        Exit.isFailure(result.exit) && Cause.hasDies(result.exit.cause) &&
        !Context.get(workflow.annotations, Workflow.CaptureDefects)
      ) {
        return yield* Effect.die(Cause.squash(result.exit.cause))
      }
      return Option.some(result)
    }),

    interrupt: (_workflow, executionId) => leave(executionId),
    interruptUnsafe: (_workflow, executionId) => leave(executionId),

    resume: (_workflow, executionId) => Effect.flatMap(asker, (by) => send("resume", executionId, { by })),

    awaitComplete: (_workflow, executionId) => Effect.asVoid(Effect.orDie(runtime.waiters.untilEnd(executionId))),

    activityExecute: Effect.fnUntraced(function*(activity, attempt) {
      const place = yield* currentRun
      const instance = yield* WorkflowInstance
      const context = yield* Effect.context<never>()
      const outcome = yield* place.run.askStep(activityStep(activity, attempt, instance, context, place))
      if (outcome._tag === "Parked") {
        return new Workflow.Suspended({
          failed: true,
          cause: ExitJson.causeFromJson(StoredJson.read(outcome.cause)) as never
        })
      }
      const exit = ExitJson.fromJson(Handover.plain(outcome.exit))
      yield* readable(
        place,
        outcome.key,
        `outcome of activity "${activity.name}"`,
        read((activity as Activity.Activity<Schema.Top, Schema.Top, never>).exitSchemaPartial, exit)
      )
      return new Workflow.Complete({ exit })
    }),

    deferredResult: Effect.fnUntraced(function*(deferred) {
      const place = yield* currentRun
      const instance = yield* WorkflowInstance
      // An await registers itself before it asks; a look at the cache, as in `raceAll`, does not and must not wait.
      const wait = instance.awaitedDeferreds.has(deferred.name)
      const exit = yield* place.step === undefined
        ? place.run.askDeferred(deferred.name, wait)
        : place.run.inStep(
          place.step,
          { reason: "signal", key: deferred.name },
          place.run.askDeferred(deferred.name, wait)
        )
      if (exit === undefined) return Option.none()
      const found = ExitJson.fromJson(exit, true)
      yield* readable(
        place,
        deferred.name,
        `completion of "${deferred.name}"`,
        read((deferred as DurableDeferred.DurableDeferred<Schema.Top, Schema.Top>).exitSchema, found)
      )
      return Option.some(found)
    }),

    deferredDone: Effect.fnUntraced(function*({ deferredName, executionId, exit }) {
      const place = yield* currentPlace
      const json = yield* Effect.orDie(Handover.givenExit(`completion of "${deferredName}"`, exit, byOf(place)))
      const message = StoredJson.compose({ name: deferredName, exit: StoredJson.compose({ ...json }) })
      const id = `deferred:${deferredName}`
      if (place !== undefined && place.step === undefined) {
        if (place.run.row.id === executionId) return place.run.completeDeferred(deferredName, json)
        return place.run.send({
          id: `${id}:${place.run.row.id}:${executionId}`,
          kind: "inbox",
          payload: StoredJson.compose({ run: executionId, id, kind: "deferred", message }).text
        })
      }
      yield* Effect.orDie(runtime.messages.send({
        row: { run: executionId, id, kind: "deferred", payload: message.text, at: runtime.host.now() },
        early: true
      }))
    }),

    scheduleClock: Effect.fnUntraced(function*(_workflow, { clock, executionId }) {
      const place = yield* currentRun
      const name = clock.deferred.name
      const millis = Duration.toMillis(clock.duration)
      if (place.step === undefined) {
        const problem = place.run.startClock(name, millis)
        return yield* problem === undefined ? Effect.void : Effect.die(problem)
      }
      runtime.host.fork(Effect.andThen(
        Effect.sleep(millis),
        runtime.writer.patience.insist(runtime.messages.send({
          row: {
            run: executionId,
            id: `deferred:${name}`,
            kind: "deferred",
            payload: StoredJson.textOf({ name, exit: { _tag: "Success" } }),
            at: runtime.host.now()
          }
        }))
      ))
    })
  }

  /** An order to stop a run, whoever has started it and whoever wants it: not what a run that is told to stop does to its children. */
  const interrupt = (workflow: Workflow.Any, executionId: string): Effect.Effect<void> =>
    Effect.flatMap(asker, (by) =>
      Effect.annotateLogs(
        send("cancel", executionId, { kind: "cancel", by, reason: "interrupted" }),
        { workflow: workflow._tag }
      ))

  return WorkflowEngine.of({ ...makeUnsafe(encoded), interrupt, interruptUnsafe: interrupt })
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const byOf = (place: Place | undefined) => place === undefined ? undefined : Handover.giver(place.run.row)
/** The caller, as it is named to people. */
const asker = Effect.map(CurrentRun, (place) => place?.run.row.id ?? "program")

/** The run and step of the caller; undefined for a body that its run no longer waits for. */
const currentPlace = Effect.flatMap(
  CurrentRun,
  (place) =>
    place?.letGo === true ? Effect.die(new StepLetGo("A durable operation", place.step)) : Effect.succeed(place)
)

const currentRun = Effect.flatMap(currentPlace, (place) =>
  place === undefined
    ? Effect.die(new Error("This needs a run: it works only inside a workflow that this engine executes"))
    : Effect.succeed(place))

/**
 * Leaves a child when the scope that it was asked for in closes inside a body
 * that is told to stop. Behind the body `effect/workflow` does so itself.
 */
const leaveWith = ({ run }: Place, child: string): Effect.Effect<void> =>
  Effect.flatMap(Effect.serviceOption(Scope.Scope), (scope) =>
    Option.isNone(scope)
      ? Effect.void
      : Scope.addFinalizer(
        scope.value,
        Effect.sync(() => {
          if (run.stopping && !run.finalizing) run.leaveChild(child)
        })
      ))

/**
 * While a run is replayed, a record that its schema does not read any more is
 * where the code and the journal part; live, it is a defect of the code.
 */
const readable = (place: Place, key: string, what: string, reading: Effect.Effect<unknown, unknown, unknown>) =>
  Effect.contextWith((context: Context.Context<never>) => {
    if (!place.run.replaying) return Effect.void
    // Apart from the body, whose operations are as many on every pass.
    const exit = Effect.runSyncExitWith(context)(reading as Effect.Effect<unknown, unknown>)
    return Exit.isSuccess(exit)
      ? Effect.void
      : place.run.unreadable(key, Cause.pretty(exit.cause).split("\n")[0]!, what)
  })

/** As `effect/workflow` reads what an engine hands over. */
const read = (schema: Schema.Top, exit: Exit.Exit<unknown, unknown>): Effect.Effect<unknown, unknown, unknown> =>
  Schema.decodeUnknownEffect(schema)(Exit.map(exit, (value) => value ?? null))

/** The outcome of an activity as text, which its schema reads back. */
const readBack = (activity: Activity.Any, value: unknown, place: Place) =>
  Effect.suspend(() => {
    const codec = outcomeCodec((activity as Activity.Activity<Schema.Top, Schema.Top, never>).successSchema)
    return Effect.map(
      Effect.fromResult(Handover.through(
        `outcome of activity "${activity.name}"`,
        "outcome",
        { encode: Exit.succeed, decode: (json) => codec.decode(json) },
        value,
        Handover.giver(place.run.row)
      )),
      ({ stored }) => stored
    )
  })

const activityStep = (
  activity: Activity.Any,
  attempt: number,
  instance: WorkflowInstance["Service"],
  context: Context.Context<never>,
  place: Place
): StepDefinition => {
  const suspendOnFailure = Context.get(instance.workflow.annotations, Workflow.SuspendOnFailure)
  return {
    name: activity.name,
    // The identity that `effect/workflow` gives an activity: its name and attempt, whatever the order.
    key: `${activity.name}#${attempt}`,
    onCrash: "rerun",
    input: undefined,
    label: undefined,
    nested: place.step !== undefined,
    inside: place.inside,
    parkOnFailure: suspendOnFailure,
    asker: context,
    retry: undefined,
    problemOf: () => undefined,
    sample: () => undefined,
    body: () => {
      const own = WorkflowInstance.initial(instance.workflow, instance.executionId)
      own.interrupted = instance.interrupted
      const effect = activity.executeEncoded.pipe(
        Workflow.intoResult,
        Effect.flatMap((result) =>
          result._tag === "Complete"
            ? result.exit as Exit.Exit<unknown, unknown>
            : Effect.failCause(
              result.cause ?? ExitJson.causeFromJson([{ _tag: "Die", defect: "the activity asked to be suspended" }])
            )
        ),
        Effect.provideService(WorkflowInstance, own),
        Effect.flatMap((value) => Effect.orDie(readBack(activity, value, place)))
      )
      return effect as Effect.Effect<unknown, unknown>
    }
  }
}
