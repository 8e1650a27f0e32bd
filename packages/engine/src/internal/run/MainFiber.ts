/**
 * The fiber that carries the code of a run.
 */
import * as ExitJson from "@fermata/core/ExitJson"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Tenant from "@fermata/core/Tenant"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Workflow from "effect/workflow/Workflow"
import { WorkflowInstance } from "effect/workflow/WorkflowEngine"
import { CurrentTenant } from "../../CurrentTenant.ts"
import { bodyServices, type BodyWorld } from "../BodyServices.ts"
import * as Handover from "../Handover.ts"
import type { RunScheduler } from "../RunScheduler.ts"
import type { Acts } from "./Acts.ts"
import type { RunCore } from "./RunCore.ts"
import { CurrentRun, type RunPort } from "./RunPort.ts"

export class MainFiber {
  readonly instance: WorkflowInstance["Service"]
  /** What the code has come to. */
  exit: Exit.Exit<Workflow.Result<unknown, unknown>> | undefined
  private readonly run: RunCore
  private readonly payload: object
  private readonly acts: Acts
  private fiber: Fiber.Fiber<Workflow.Result<unknown, unknown>> | undefined
  private interrupted = false
  /** What the code has returned. */
  private result: JournalEntry.ExitJson | undefined

  constructor(run: RunCore, payload: object, acts: Acts) {
    this.run = run
    this.payload = payload
    this.acts = acts
    this.instance = WorkflowInstance.initial(run.registration.workflow, run.row.id)
  }

  get hasBegun(): boolean {
    return this.fiber !== undefined
  }

  begin(port: RunPort, world: BodyWorld, scheduler: RunScheduler): void {
    const { host, loop, registration, row } = this.run
    const untenanted = bodyServices(host.shared, world, scheduler).pipe(
      Context.add(WorkflowInstance, this.instance),
      Context.add(CurrentRun, { run: port, step: undefined })
    )
    // The engine itself is of none.
    const tenant = Tenant.of(row.id)
    const context = tenant === undefined ? untenanted : Context.add(untenanted, CurrentTenant, tenant)
    const effect = Workflow.intoResult(
      // `intoResult` begins it in the middle of an operation of its own, where it could not give way.
      Effect.onExit(
        Effect.flatMap(
          Effect.andThen(Effect.yieldNow, registration.execute(this.payload, row.id)),
          (value) => this.handOver(value)
        ),
        (exit) =>
          Effect.suspend(() => {
            if (Exit.isSuccess(exit)) {
              return Effect.void
            }
            // As with Effect's engines: for the finalizers of the run, and not yet for those of its body.
            this.instance.interrupted = this.run.pass.stop !== undefined
            return this.undoes() ? this.acts.unwind() : Effect.void
          })
      )
    )
    const fiber = Effect.runForkWith(context)(
      effect as Effect.Effect<Workflow.Result<unknown, unknown>, never, WorkflowInstance>
    )
    this.fiber = fiber
    fiber.addObserver((exit) => {
      this.exit = exit
      loop.wake()
    })
  }

  /** Once: a second interrupt, from within a compensation, would be one more in the recorded cause. */
  interrupt(scheduler: RunScheduler): void {
    if (this.fiber === undefined || this.interrupted) return
    this.interrupted = true
    scheduler.begin()
    this.fiber.interruptUnsafe()
  }

  /** What the code has come to, as text. */
  outcome(exit: Exit.Exit<Workflow.Result<unknown, unknown>>): JournalEntry.ExitJson {
    const ended = Exit.isSuccess(exit) ? (exit.value as Workflow.Complete<unknown, unknown>).exit : exit
    return Exit.isSuccess(ended) && this.result !== undefined ? this.result : this.encoded(ended)
  }

  /** Makes the result of the code text. One that cannot be stored is its failure, which undoes what there is to undo. */
  private handOver(value: unknown): Effect.Effect<unknown, unknown> {
    const result = this.encoded(Exit.succeed(value))
    if (result._tag === "Failure") return Effect.failCause(ExitJson.causeFromJson(StoredJson.read(result.cause)))
    this.result = result
    return Effect.succeed(value)
  }

  private encoded(exit: Exit.Exit<unknown, unknown>): JournalEntry.ExitJson {
    const by = Handover.giver(this.run.row)
    return Handover.exitJson("result", this.run.registration.encodeExit(exit, by), by)
  }

  /** Whether a failure of the code ends the run and there are finalizers, such as compensations. */
  private undoes(): boolean {
    const { scope, workflow } = this.instance
    return scope.state._tag === "Open" &&
      (this.instance.interrupted || !Context.get(workflow.annotations, Workflow.SuspendOnFailure))
  }
}
