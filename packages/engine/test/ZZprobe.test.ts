import * as WorkflowConformance from "@fermata/engine/testing/WorkflowConformance"
import { Effect, Exit, Layer, Option } from "effect"
import { WorkflowEngine, Workflow, DurableClock } from "effect/workflow"
const E = WorkflowEngine.WorkflowEngine
type S = typeof E.Service
const patched = (over: (inner: any) => any) => Layer.effect(E)(Effect.gen(function*() {
  const inner: any = yield* E
  const patch = over(inner)
  const me: any = {}
  for (const k of Object.keys(inner)) me[k] = (...a: Array<any>) => {
    if (k === "register") return inner.register(a[0], (p: any, id: any) => Effect.provideServiceEffect(Effect.suspend(() => a[1](p, id)), E, Effect.sync(() => me)))
    return Effect.suspend(() => patch[k] ? patch[k](...a) : inner[k](...a))
  }
  return me as S
})).pipe(Layer.provide(WorkflowEngine.layerMemory))
let n = 0
const M: Record<string, (inner: any) => any> = {
  slow60: (i) => Object.fromEntries(Object.keys(i).map((k) => [k, (...a: any) => Effect.andThen(Effect.forEach(Array.from({ length: 60 }), () => Effect.yieldNow), Effect.suspend(() => i[k](...a)))])),
  forgetActivity: (i) => ({ activityExecute: (a: any, t: any) => i.activityExecute(a, t + 1000 * ++n) }),
  oneAttempt: (i) => ({ activityExecute: (a: any) => i.activityExecute(a, 1) }),
  noInterrupt: () => ({ interrupt: () => Effect.void }),
  noUnsafe: () => ({ interruptUnsafe: () => Effect.void }),
  noResume: () => ({ resume: () => Effect.void }),
  longClock: (i) => ({ scheduleClock: (w: any, o: any) => i.scheduleClock(w, { ...o, clock: DurableClock.make({ name: o.clock.name, duration: "400 days" }) }) }),
  eagerClock: (i) => ({ scheduleClock: (w: any, o: any) => i.scheduleClock(w, { ...o, clock: DurableClock.make({ name: o.clock.name, duration: "1 second" }) }) }),
  linkDetached: (i) => ({ execute: (w: any, o: any) => i.execute(w, { ...o, detached: false }) }),
  newRun: (i) => ({ execute: (w: any, o: any) => i.execute(w, { ...o, executionId: o.executionId + ++n }) }),
  waitDiscard: (i) => ({ execute: (w: any, o: any) => o.discard ? Effect.as(Effect.exit(i.execute(w, { ...o, discard: false, detached: false })), o.executionId) : i.execute(w, o) }),
  sharedDeferred: (i) => ({ deferredDone: (d: any, o: any) => i.deferredDone(d, { ...o, deferredName: o.deferredName + "x" }) }),
  dropEarly: (i) => ({ deferredDone: (d: any, o: any) => Effect.flatMap(i.poll({ _tag: "x" }, o.executionId), (p: any) => Option.isNone(p) ? Effect.void : i.deferredDone(d, o)) }),
  failAsDie: (i) => ({ activityExecute: (a: any, t: any) => Effect.map(i.activityExecute(a, t), (r: any) => r._tag === "Complete" && Exit.isFailure(r.exit) ? new Workflow.Complete({ exit: Exit.die("x") }) : r) }),
  pollNone: () => ({ poll: () => Effect.succeedNone }),
}
const name = process.env.PROBE!
WorkflowConformance.suite(name, patched(M[name]!))
