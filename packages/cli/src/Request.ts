/** What `fermata run` is asked for, and what it says of a run that was started: the same here and at a server. */
import type { Started } from "@fermata/core/RunStart"
import * as Effect from "effect/Effect"
import { existsSync, statSync } from "node:fs"
import { type CommandFailed, refused } from "./CommandFailed.ts"
import * as Commands from "./Commands.ts"
import { err, note } from "./Output.ts"

/** What is to be started. */
export interface Request {
  /** A contract file, or the name of a contract or a workflow. */
  readonly workflow: string
  /** Wrapped, since `null` is an input too. */
  readonly input: { readonly value: unknown } | undefined
  readonly event: { readonly value: unknown } | undefined
  readonly eventName: string | undefined
  readonly key: string | undefined
  readonly title: string | undefined
  readonly labels: Readonly<Record<string, string>> | undefined
  readonly isNew: boolean
  readonly detach: boolean
}

/** A run that was started, with what it is a run of. */
export interface StartedRun extends Started {
  readonly workflow: string
  /** Workflow and version, for people. */
  readonly definition: string
}

/** Tells people that the run is recorded. */
export const tellStarted = ({ definition, joined, otherInput, runId }: StartedRun, { key }: Request) =>
  Effect.gen(function*() {
    yield* note(`${joined ? "joined existing run" : "run"} ${err.bold(runId)}  ${definition}`)
    if (!otherInput) return
    yield* note(
      `  ${err.yellow("!")} it was started with another input, and this one is not used; ${
        key === undefined ? "--new starts a run of its own" : "another --key starts a run of its own"
      }`
    )
  })

/** Refuses options that do not go together. */
export const checkOptions = ({ event, eventName, isNew, key }: Request): Effect.Effect<void, CommandFailed> =>
  isNew && key !== undefined
    ? Effect.fail(
      refused(
        "InvalidValue",
        "--new and --key exclude each other: a key stands for one run, and --new asks for another",
        ["leave one of them out"]
      )
    )
    : eventName !== undefined && event === undefined
    ? Effect.fail(
      refused("InvalidValue", "--event-name needs --event J, the payload of the event", [
        `see: ${Commands.seeHelp(["run"])}`
      ])
    )
    : Effect.void

/** Whether this names a file. What ends as one and is not there is told as a missing file. */
export const isContractFile = (name: string): boolean =>
  /\.jsonc?$/i.test(name) || name.includes("/") || (existsSync(name) && statSync(name).isFile())
