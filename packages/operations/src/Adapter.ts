/**
 * Adapters: what does a task, in the body of the run that it is handed over to.
 * Every effect of one is a step or a child run, so it survives the process, runs
 * again after a crash by its own rule, and leaves what it was given and what it
 * gave as artifacts of the run.
 *
 * | adapter | does | is given | gives |
 * |---|---|---|---|
 * | `script` | one command | the assignment on its standard input | its standard output, as JSON where it is that |
 * | `model` | one question to the model of the process | the profile as its system text, the assignment as its prompt | the answer, as JSON where a shape is asked for |
 * | `agent` | a run of an agent | the assignment as its prompt | what the agent gives |
 */
import { Llm, LlmFailed, type LlmRequest, valueOf } from "@fermata/contracts/Llm"
import type { Engine } from "@fermata/engine/Engine"
import * as Step from "@fermata/engine/Step"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type { WorkflowInstance } from "effect/workflow/WorkflowEngine"
import type { Assignment } from "./Assignment.ts"

/** A task was not done by this attempt. */
export class AdapterFailed extends Schema.TaggedError<AdapterFailed>()("AdapterFailed", {
  adapter: Schema.String,
  /** For programs, such as `exit-2`. */
  code: Schema.String,
  problem: Schema.String,
  /** `false`: no further attempt would help. */
  retryable: Schema.Boolean
}) {
  override get message(): string {
    return `Adapter "${this.adapter}" failed: ${this.problem}`
  }
}

/** Does tasks. `R` is what it needs in the process that has it. */
export interface Adapter<R = never> {
  readonly kind: "agent" | "model" | "script"
  /** What a task comes to, in the body of a workflow. `name` is the name under which the adapter is served. */
  readonly execute: (
    name: string,
    assignment: Assignment
  ) => Effect.Effect<Schema.Json, AdapterFailed, R | Engine | WorkflowInstance>
}

/** How a command has ended, such as `Sandbox` of `@fermata/agent` says it. */
export interface Executed {
  readonly stdout: string
  readonly stderr: string
  readonly exitCode: number
  readonly timedOut: boolean
  /** The limit for which it was killed. */
  readonly exceeded?: string
}

/**
 * One command for each task, with no model. Exit code 0 is done; any other has
 * failed, and is tried again unless it is one of `permanent`.
 *
 * @example
 * ```ts
 * const heartbeat = Adapter.script({
 *   onCrash: "rerun",
 *   exec: (options) => Effect.flatMap(Sandbox, ({ exec }) => exec("bash", ["heartbeat.sh"], options))
 * })
 * ```
 */
export const script = <E extends { readonly message: string }, R>(options: {
  readonly exec: (given: {
    readonly stdin: string
    readonly env: Readonly<Record<string, string>>
  }) => Effect.Effect<Executed, E, R>
  readonly onCrash: "ask" | "rerun" | "rerun-keyed"
  /** Exit codes after which no further attempt would help; 2 by default. */
  readonly permanent?: ReadonlyArray<number>
}): Adapter<R> => ({
  kind: "script",
  execute: (name, assignment) =>
    Step.make(name, {
      input: { assignment: Schema.String },
      success: Schema.Json,
      error: AdapterFailed,
      onCrash: options.onCrash,
      run: (_, { idempotencyKey, keep }) =>
        Effect.gen(function*() {
          const fail = (code: string, problem: string, retryable = true) =>
            new AdapterFailed({ adapter: name, code, problem, retryable })
          const ended = yield* Effect.mapError(
            options.exec({
              stdin: assignment.text,
              env: { FERMATA_TASK: assignment.task, FERMATA_IDEMPOTENCY_KEY: idempotencyKey }
            }),
            ({ message }) => fail("not-started", message)
          )
          const kept = (text: string, as: string) =>
            text === "" ? Effect.void : Effect.ignore(keep(text, { name: as, mediaType: "text/plain" }))
          yield* kept(ended.stdout, "stdout")
          yield* kept(ended.stderr, "stderr")
          if (ended.timedOut) return yield* fail("timeout", "it took longer than it may")
          if (ended.exceeded !== undefined) return yield* fail("limit", `it was stopped: ${ended.exceeded}`)
          if (ended.exitCode !== 0) {
            return yield* fail(
              `exit-${ended.exitCode}`,
              `it ended with ${ended.exitCode}${lastLine(ended.stderr)}`,
              !(options.permanent ?? [2]).includes(ended.exitCode)
            )
          }
          const read = decodeJson(ended.stdout)
          return Exit.isSuccess(read) ? read.value : ended.stdout
        })
    })({ assignment: assignment.hash })
})

/** One question for each task, to the model of the process (`Llm`). */
export const model = (
  options: Pick<LlmRequest, "maxTokens" | "model" | "output"> & { readonly system?: string } = {}
): Adapter<Llm> => ({
  kind: "model",
  execute: (name, assignment) =>
    Step.make(name, {
      input: { assignment: Schema.String },
      success: Schema.Json,
      error: AdapterFailed,
      onCrash: "rerun-keyed",
      run: (_, { idempotencyKey, keep, spend }) =>
        Effect.gen(function*() {
          const { system, ...asked } = options
          const told = [system, assignment.profile?.text].filter((text) => text !== undefined).join("\n\n")
          const request: LlmRequest = {
            ...asked,
            ...(told === "" ? {} : { system: told }),
            prompt: assignment.text,
            idempotencyKey
          }
          const { invoke } = yield* Llm
          const answer = yield* Effect.tapError(
            invoke(request),
            ({ cost }) => cost === undefined ? Effect.void : spend(cost)
          )
          if (answer.cost !== undefined) yield* spend(answer.cost)
          yield* Effect.ignore(keep(answer.text, { name: "answer", mediaType: "text/plain" }))
          return yield* Effect.fromResult(valueOf(request, answer))
        }).pipe(Effect.mapError((error) =>
          new AdapterFailed({
            adapter: name,
            code: error instanceof LlmFailed ? "model" : "failed",
            problem: error.message,
            retryable: error.retryable
          })
        ))
    })({ assignment: assignment.hash })
})

/**
 * A run of an agent for each task, as a child of the task's run.
 *
 * @example
 * ```ts
 * const reviewer = Adapter.agent(Reviewer)
 * ```
 */
export const agent = <E extends { readonly message: string }, R>(
  agent: {
    readonly name: string
    /** Runs the agent with a prompt. */
    readonly run: (prompt: string) => Effect.Effect<{ readonly output: unknown }, E, R>
  }
): Adapter<R> => ({
  kind: "agent",
  execute: (name, assignment) =>
    agent.run(
      assignment.profile === undefined ? assignment.text : `${assignment.profile.text}\n\n${assignment.text}`
    ).pipe(
      Effect.map(({ output }) => output as Schema.Json),
      Effect.mapError((error) =>
        new AdapterFailed({ adapter: name, code: "agent", problem: error.message, retryable: true })
      )
    )
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const decodeJson = Schema.decodeUnknownExit(Schema.fromJsonString(Schema.Json))

/** The last thing that a command has said of why it failed. */
const lastLine = (text: string): string => {
  const line = text.trimEnd().split("\n").at(-1)?.trim().slice(0, 300) ?? ""
  return line === "" ? "" : `: ${line}`
}
