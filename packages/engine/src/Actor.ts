/**
 * Who acts: on whose behalf the verbs of an operator do what they do, as the
 * audit records it. A surface (a server, a command) provides it around what
 * somebody asks of it; where nobody does, a verb is a call of the library by
 * whoever it names itself.
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type { RequestRow } from "./Backend.ts"

/** Somebody who acts. */
export interface Actor {
  /** The name; when absent, the one that a verb is told (`by`). */
  readonly who?: string
  /** By which way, as in `AuditLine`. */
  readonly how: string
  /** What asks for the act, so that it is done once however often it is asked: the act keeps it with its answer. */
  readonly request?: Request
}

/** A request that has a key. The key is of its caller alone. */
export interface Request extends Pick<RequestRow, "caller" | "hash" | "key" | "route"> {}

/** Whoever acts in this fiber. */
export const CurrentActor: Context.Reference<Actor | undefined> = Context.Reference<Actor | undefined>(
  "@fermata/engine/CurrentActor",
  { defaultValue: () => undefined }
)

/**
 * The defect of an act whose request was answered before, by this process or
 * another: nothing was done. Met only by who provides a `request`.
 */
export class AnsweredBefore extends Data.TaggedError("AnsweredBefore")<{
  /** What is kept of that request; its hash may be another than that of this one. */
  readonly request: RequestRow
}> {}
