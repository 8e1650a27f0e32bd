/** What is known where the runs are, in a database of this machine or at a server, as far as words are completed from it. */
import type { KeptArtifact } from "@fermata/core/Artifact"
import type { KnownWorkflow } from "@fermata/core/KnownWorkflow"
import type { OpenApproval } from "@fermata/core/Question"
import type { RunSummary } from "@fermata/core/RunSummary"
import type { StandingRule } from "@fermata/core/StandingRule"
import type { Wait } from "@fermata/core/Wait"
import type * as Effect from "effect/Effect"

/** As many runs, questions and tokens are offered at most. */
export const most = 200

/** A list; whatever it fails with, nothing is offered. */
type List<A> = Effect.Effect<ReadonlyArray<A>, unknown>

/** A run, as it is offered. */
export type KnownRun = Pick<RunSummary, "id" | "workflow" | "version" | "status" | "reason">

/** A question, as it is offered. */
export type KnownQuestion = Pick<OpenApproval, "runId" | "key" | "prompt" | "approvers" | "choices" | "standing">

/** Lists of what is there. A `run` is an id or the first characters of one. */
export interface Known {
  /** The last started first. */
  readonly runs: (status?: ReadonlyArray<RunSummary["status"]>) => List<KnownRun>
  readonly workflows: List<Pick<KnownWorkflow, "name" | "kind">>
  /** Those that no run has gone on from, of one run where it is given. */
  readonly questions: (run?: string) => List<KnownQuestion>
  readonly rules: List<StandingRule>
  readonly tokens: List<{ readonly id: string; readonly name: string }>
  /** What a suspended run waits for. */
  readonly waits: (run: string) => List<Wait>
  /** The keys of its steps, in the order of their requests. */
  readonly steps: (run: string) => List<string>
  readonly artifacts: (run: string) => List<Pick<KeptArtifact, "hash" | "name" | "mediaType" | "bytes" | "step">>
  /** The events that start a contract. */
  readonly triggers: List<{ readonly contract: string; readonly event: string }>
  /** The events that suspended runs wait for. */
  readonly awaited: List<string>
}

/** The events among what runs wait for. */
export const eventsIn = (waits: ReadonlyArray<Wait>): ReadonlyArray<string> =>
  waits.flatMap(({ key }) => key.startsWith("event:") ? [key.slice("event:".length)] : [])
