/** Runs that start, share and stop other runs, from their bodies and from their steps. */
import type { Wait } from "@fermata/core/Wait"
import * as Signal from "@fermata/engine/Signal"
import * as Step from "@fermata/engine/Step"
import type * as Simulator from "@fermata/testing/Simulator"
import { Effect, Exit, Layer, Schema } from "effect"
import { Activity, DurableDeferred, Workflow } from "effect/workflow"

const payload = { id: Schema.String }
const idempotencyKey = ({ id }: { readonly id: string }) => id

/** Wanted by several runs. */
const Shared = Workflow.make("shared", { payload, success: Schema.String, idempotencyKey })
/** Wanted by one. */
const Own = Workflow.make("own", { payload, success: Schema.String, idempotencyKey })
/**
 * Asks for both, in its body or in a step. One that leaves is cancelled by a
 * person while it waits; a stubborn one waits to the end for what is its own.
 */
const Member = Workflow.make("member", {
  payload: {
    id: Schema.String,
    family: Schema.String,
    leaves: Schema.Boolean,
    how: Schema.Literals(["body", "step", "stubborn"])
  },
  success: Schema.Array(Schema.String),
  idempotencyKey
})

const Paid = Signal.make("paid", { schema: Schema.String })
const Leave = Signal.make("leave")

const families: ReadonlyArray<
  readonly [
    family: string,
    members: ReadonlyArray<readonly [id: string, leaves: boolean, how: "body" | "step" | "stubborn"]>
  ]
> = [
  ["of one that joined and leaves", [["a", false, "body"], ["b", true, "body"]]],
  ["of one that started and leaves", [["c", true, "body"], ["d", false, "step"]]],
  ["of two that leave", [["e", true, "step"], ["f", true, "stubborn"]]]
]

/** All members of all families, and none of them twice. */
export const meet = Effect.forEach(
  families.flatMap(([family, members]) => members.map(([id, leaves, how]) => ({ id, family, leaves, how }))),
  (member) => Member.execute(member, { discard: true }),
  { discard: true }
)

const shared = Step.make("shared", {
  input: payload,
  success: Schema.String,
  onCrash: "rerun",
  run: ({ id }) => Shared.execute({ id })
})

const members = Layer.mergeAll(
  Shared.toLayer(() => Effect.tap(Signal.receive(Paid), Effect.sleep("2 hours"))),
  Own.toLayer(({ id }) => Effect.as(Effect.sleep("1 hour"), id)),
  Member.toLayer(Effect.fnUntraced(function*({ family, how, id, leaves }) {
    const wanted = how === "step" ? shared({ id: family }) : Shared.execute({ id: family })
    const own = how === "stubborn" ? Effect.uninterruptible(Own.execute({ id })) : Own.execute({ id })
    const left = leaves ? Effect.as(Signal.receive(Leave), "left") : Effect.succeed("stays")
    return yield* Effect.all([wanted, own, left], { concurrency: "unbounded" })
  }))
)

/** A person cancels those who wait for it. */
export const answer = (wait: Wait): Simulator.Word | undefined =>
  wait.reason === "signal" && wait.key === "leave"
    ? { kind: "cancel", message: { kind: "cancel", by: "ada", reason: "it leaves" } }
    : undefined

const Answer = DurableDeferred.make("answer", { success: Schema.String })
const Never = Signal.make("never")

/** Waits until it is stopped. */
const Helper = Workflow.make("helper", { payload, success: Schema.String, idempotencyKey })
/** Its steps start runs and wait for them, complete what it waits for, send a signal, and stop a run. */
export const Errands = Workflow.make("errands", { payload, success: Schema.Array(Schema.String), idempotencyKey })

const errands = Layer.mergeAll(
  Helper.toLayer(() => Effect.as(Signal.receive(Never), "never")),
  Errands.toLayer(Effect.fnUntraced(function*({ id }) {
    const token = yield* DurableDeferred.token(Answer)
    const runId = yield* Errands.executionId({ id })
    const helper = yield* Helper.executionId({ id })
    yield* Step.make("hire", { onCrash: "rerun", run: () => Helper.execute({ id }, { discard: true }) })()
    const own = yield* Activity.make({ name: "delegate", success: Schema.String, execute: Own.execute({ id }) })
    yield* Activity.make({ name: "reply", execute: DurableDeferred.succeed(Answer, { token, value: "yes" }) })
    const reply = yield* DurableDeferred.await(Answer)
    yield* Step.make("pay", {
      onCrash: "rerun",
      run: () => Effect.orDie(Signal.send(Paid, { runId, payload: "card", id: `paid by ${id}` }))
    })()
    const paid = yield* Signal.receive(Paid)
    yield* Step.make("fire", { onCrash: "rerun", run: () => Helper.interrupt(helper) })()
    const end = yield* Effect.exit(Helper.execute({ id }))
    return [own, reply, paid, Exit.isSuccess(end) ? end.value : "stopped"]
  }))
)

export const layer = Layer.merge(members, errands)
