/**
 * How a run is told to stop: by somebody, by a limit, or since its body has gone
 * on by itself.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Workflow from "effect/workflow/Workflow"
import { ForeignWork, foreignWork } from "../ForeignWork.ts"
import type { AnyFiber, Task } from "../RunScheduler.ts"
import * as Decide from "./Decide.ts"
import type { Endings } from "./Endings.ts"
import type { StopItem } from "./Happening.ts"
import { remark } from "./RunCore.ts"
import type { RunParts } from "./RunParts.ts"

export class Stops {
  private readonly parts: RunParts
  private readonly endings: Endings
  /** Fibers that went on by themselves. */
  private foreign: Array<{ readonly fiber: AnyFiber; readonly task: Task }> = []

  constructor(parts: RunParts, endings: Endings) {
    this.parts = parts
    this.endings = endings
  }

  /** Takes an order to stop. */
  accept(item: StopItem): void {
    const { run } = this.parts
    switch (Decide.stop(run.pass, run.pendingStop, item)) {
      case "known":
        if (item.row !== undefined) run.batch.consume(item.row)
        return
      case "now":
        return this.stopNow(item)
      case "after grace":
        run.pendingStop = item
        run.alarms.arm("grace", run.host.now() + run.host.options.cancelGraceMs, { _tag: "GraceOver" })
    }
  }

  /** The bodies of `ask` steps have ended, or have had the time to. */
  endGrace(): void {
    const { pendingStop } = this.parts.run
    if (pendingStop !== undefined) this.stopNow(pendingStop)
  }

  /** A fiber of the body goes on that nothing of the run has resumed. */
  wentOn(fiber: AnyFiber, task: Task): void {
    this.foreign.push({ fiber, task })
    this.parts.run.push({ _tag: "Foreign" })
  }

  /**
   * The body has gone on by itself. The run is stopped, which has a place in
   * the order that replay can repeat, and then the fibers die that no interrupt has ended.
   */
  acceptForeign(): void {
    const { run, scheduler } = this.parts
    const foreign = this.foreign.splice(0)
    if (foreign.length === 0) return
    const defect = new ForeignWork(foreignWork(run.row))
    if (run.pass.stop !== undefined) remark(run, "foreign-work", defect.message)
    else {
      if (Context.get(run.registration.workflow.annotations, Workflow.SuspendOnFailure)) {
        return this.endings.suspendOnFailure(new Workflow.Suspended({ cause: Cause.die(defect) }))
      }
      this.stopNow({ _tag: "Stop", id: "foreign", kind: "foreign", by: "engine", reason: defect.message })
    }
    for (const { fiber, task } of foreign) scheduler.condemn(fiber, task, defect)
  }

  private stopNow({ by, id, kind, reason, row }: StopItem): void {
    const { run, scheduler, writing } = this.parts
    run.pendingStop = undefined
    run.alarms.disarm("grace")
    if (row !== undefined) run.batch.consume(row)
    writing.isStopping = true
    const { idle, operations } = scheduler
    run.tell({ _tag: "StopRequested", id, kind, by, reason, ...(idle ? {} : { operations }) })
  }
}
