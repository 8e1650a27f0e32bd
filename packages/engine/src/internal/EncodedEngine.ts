/**
 * `effect/workflow`'s `WorkflowEngine` on the runs of this engine.
 *
 * Differences from Effect's own engines, each forced by a promise, are listed
 * in the package's DESIGN.md.
 */
import * as ExitJson from "@fermata/core/ExitJson"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import type * as Activity from "effect/workflow/Activity"
import type * as DurableDeferred from "effect/workflow/DurableDeferred"
import * as Workflow from "effect/workflow/Workflow"
import { type Encoded, makeUnsafe, WorkflowEngine, WorkflowInstance } from "effect/workflow/WorkflowEngine"
import type { RunRow } from "../Backend.ts"
import type { Message } from "../InboxMessage.ts"
import type { StartRequest } from "../StartRequest.ts"
import * as ActivityStep from "./ActivityStep.ts"
import * as CallerPlace from "./CallerPlace.ts"
import type { EngineRuntime } from "./EngineRuntime.ts"
import * as Handover from "./Handover.ts"
import * as Joins from "./Joins.ts"
import type { Rested } from "./process/RunWaiters.ts"
import * as RecordedValues from "./RecordedValues.ts"
import * as Registrations from "./Registrations.ts"
import * as Reserved from "./Reserved.ts"
import { CurrentRun } from "./run/RunPort.ts"
import { waitsOf } from "./RunStand.ts"
import * as RunTitle from "./RunTitle.ts"
import * as Telling from "./secrets/Telling.ts"
import { codecs } from "./WorkflowCodecs.ts"

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
    const failure = waitsOf(row).find((wait) => wait.reason === "operator" && wait.key === "failure")
    return failure === undefined
      ? new Workflow.Suspended({})
      : new Workflow.Suspended({ failed: true, cause: Cause.die(new Error(failure.detail)) })
  }

  /** A run that is told to stop leaves a child that it has asked for. What its steps have asked for it leaves all at once. */
  const leave = (child: string): Effect.Effect<void> =>
    Effect.map(CurrentRun, (place) => place?.letGo === true ? undefined : place?.run.children.leave(child))

  /** In a body with the next commit, and then for sure; elsewhere at once. */
  const send = Effect.fnUntraced(
    function*(kind: "cancel" | "resume", run: string, message: Message<"cancel"> | Message<"resume">) {
      const place = yield* CallerPlace.current
      if (place !== undefined && place.step === undefined) {
        const id = place.run.acts.number(`${kind}:${run}`, `${kind}:${place.run.row.id}`)
        return place.run.acts.send({
          id: `${id}:${run}`,
          kind: "inbox",
          payload: StoredJson.textOf({ run: place.run.children.runOf(run), id, kind, message })
        })
      }
      const id = runtime.messages.newId(kind)
      const row = { run, id, kind, payload: StoredJson.textOf(message), at: runtime.host.now() }
      yield* Effect.orDie(runtime.messages.send({ row }))
    }
  )

  const encoded: Encoded = {
    register: Effect.fnUntraced(function*(workflow, execute) {
      const nearest = runtime.bodies.nearest(yield* Effect.context<never>())
      const registration = Registrations.ofProgram(
        workflow,
        nearest === undefined
          ? execute
          : (payload, runId) => Effect.updateContext(execute(payload, runId), nearest)
      )
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
      const place = yield* CallerPlace.current
      const version = Registrations.versionOf(workflow)
      const granted = yield* Reserved.granted(executionId)
      const encoded = Telling.json((yield* Effect.orDie(codecs(workflow).encodePayload(payload))) ?? null)
      const json = yield* Effect.orDie(
        Handover.given(`payload of workflow "${workflow._tag}"`, encoded, CallerPlace.byOf(place))
      )
      // A payload that its own schema does not read is the fault of who gave it, and not of the run that would get it.
      const title = RunTitle.ofWorkflow(workflow, yield* Effect.orDie(codecs(workflow).decodePayload(json.read())))
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
        ...(title === undefined ? {} : { title }),
        // The person who asked for a run counts as having asked for its children.
        ...(place?.run.by === undefined ? {} : { by: place.run.by }),
        ...(place?.run.caller === undefined ? {} : { caller: place.run.caller }),
        ...(granted === undefined ? {} : { granted })
      }
      if (place !== undefined && place.step === undefined) {
        if (detached !== true) yield* CallerPlace.leaveWith(place, executionId)
        const start = {
          id: `start:${place.run.row.id}:${executionId}`,
          kind: "start",
          payload: StoredJson.compose({ ...request }).text
        }
        const exit = yield* place.run.children.ask(
          {
            id: executionId,
            start,
            workflow: workflow._tag,
            version,
            payload: json,
            granted,
            linked: detached !== true
          },
          !discard
        )
        if (exit === undefined) return undefined
        yield* RecordedValues.check(
          place,
          executionId,
          `end of child run ${executionId}`,
          codecs(workflow).readExit(exit)
        )
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
      const rested = yield* place.run.steps.inStep(place.step, { reason: "child", key: executionId }, end)
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

    resume: (_workflow, executionId) => Effect.flatMap(CallerPlace.asker, (by) => send("resume", executionId, { by })),

    awaitComplete: (_workflow, executionId) => Effect.asVoid(Effect.orDie(runtime.waiters.untilEnd(executionId))),

    activityExecute: Effect.fnUntraced(function*(activity, attempt) {
      const place = yield* CallerPlace.inRun
      const instance = yield* WorkflowInstance
      const context = yield* Effect.context<never>()
      const outcome = yield* place.run.steps.ask(ActivityStep.of(activity, attempt, instance, context, place))
      if (outcome._tag === "Parked") {
        return new Workflow.Suspended({
          failed: true,
          cause: ExitJson.causeFromJson(StoredJson.read(outcome.cause)) as never
        })
      }
      const exit = ExitJson.fromJson(Handover.plain(outcome.exit))
      yield* RecordedValues.check(
        place,
        outcome.key,
        `outcome of activity "${activity.name}"`,
        RecordedValues.read((activity as Activity.Activity<Schema.Top, Schema.Top, never>).exitSchemaPartial, exit)
      )
      return new Workflow.Complete({ exit })
    }),

    deferredResult: Effect.fnUntraced(function*(deferred) {
      const place = yield* CallerPlace.inRun
      const instance = yield* WorkflowInstance
      // An await registers itself before it asks; a look at the cache, as in `raceAll`, does not and must not wait.
      const wait = instance.awaitedDeferreds.has(deferred.name)
      const exit = yield* place.step === undefined
        ? place.run.waits.deferred(deferred.name, wait)
        : place.run.steps.inStep(
          place.step,
          { reason: "signal", key: deferred.name },
          place.run.waits.deferred(deferred.name, wait)
        )
      if (exit === undefined) return Option.none()
      const found = ExitJson.fromJson(exit, true)
      yield* RecordedValues.check(
        place,
        deferred.name,
        `completion of "${deferred.name}"`,
        RecordedValues.read((deferred as DurableDeferred.DurableDeferred<Schema.Top, Schema.Top>).exitSchema, found)
      )
      return Option.some(found)
    }),

    deferredDone: Effect.fnUntraced(function*({ deferredName, executionId, exit }) {
      const place = yield* CallerPlace.current
      const json = yield* Effect.orDie(
        Handover.givenExit(`completion of "${deferredName}"`, exit, CallerPlace.byOf(place))
      )
      const message = StoredJson.compose({ name: deferredName, exit: StoredJson.compose({ ...json }) })
      const id = `deferred:${deferredName}`
      if (place !== undefined && place.step === undefined) {
        if (place.run.row.id === executionId) return place.run.waits.complete(deferredName, json)
        return place.run.acts.send({
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
      const place = yield* CallerPlace.inRun
      const name = clock.deferred.name
      const millis = Duration.toMillis(clock.duration)
      if (place.step === undefined) {
        const problem = place.run.waits.startClock(name, millis)
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
    Effect.flatMap(CallerPlace.asker, (by) =>
      Effect.annotateLogs(
        send("cancel", executionId, { kind: "cancel", by, reason: "interrupted" }),
        { workflow: workflow._tag }
      ))

  return WorkflowEngine.of({ ...makeUnsafe(encoded), interrupt, interruptUnsafe: interrupt })
}
