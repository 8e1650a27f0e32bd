/** A run as its bodies, its steps and its clock know it. */
import type { Giver } from "@fermata/core/ValueRefused"
import type * as Effect from "effect/Effect"
import type { RunRow } from "../../Backend.ts"
import type * as Leaving from "../Leaving.ts"
import type { OutsideWaits } from "../OutsideWaits.ts"
import type { RunDigests } from "../RunDigests.ts"
import type { MainFiber } from "./MainFiber.ts"
import * as Phase from "./Phase.ts"
import { leaverOf, type RunCore } from "./RunCore.ts"
import type { RunPort } from "./RunPort.ts"

type Parts = Pick<RunPort, "steps" | "waits" | "questions" | "events" | "children" | "acts">

export class Port implements RunPort {
  readonly row: RunRow
  readonly giver: Giver
  readonly by: string | undefined
  readonly caller: string | undefined
  readonly steps: RunPort["steps"]
  readonly waits: RunPort["waits"]
  readonly questions: RunPort["questions"]
  readonly events: RunPort["events"]
  readonly children: RunPort["children"]
  readonly acts: RunPort["acts"]
  private readonly run: RunCore
  private readonly main: MainFiber
  private readonly digests: RunDigests
  private readonly outsideWaits: OutsideWaits

  constructor(
    run: RunCore,
    main: MainFiber,
    digests: RunDigests,
    outsideWaits: OutsideWaits,
    parts: Parts,
    asked: Pick<RunPort, "by" | "caller">
  ) {
    this.run = run
    this.main = main
    this.digests = digests
    this.outsideWaits = outsideWaits
    this.row = run.row
    this.giver = { runId: run.row.id, workflow: run.row.workflow }
    this.by = asked.by
    this.caller = asked.caller
    this.steps = parts.steps
    this.waits = parts.waits
    this.questions = parts.questions
    this.events = parts.events
    this.children = parts.children
    this.acts = parts.acts
  }

  get replaying(): boolean {
    return this.run.phase === Phase.replaying
  }

  get stopping(): boolean {
    return this.run.pass.stop !== undefined
  }

  get stopped(): boolean {
    return this.run.phase.isGone
  }

  get finalizing(): boolean {
    return this.main.instance.interrupted
  }

  get canCommitTogether(): boolean {
    return this.run.host.together
  }

  get leaver(): Leaving.Leaver {
    return leaverOf(this.run)
  }

  awaitDigest(answer: Promise<unknown>): void {
    this.digests.await(answer)
  }

  awaitOutside<A, E>(happens: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return this.outsideWaits.until(happens)
  }
}
