/** A tool as clients see it, and who calls it. */
import type { OpenApproval } from "@fermata/core/Question"
import type * as Effect from "effect/Effect"
import type { CommandFailed } from "../CommandFailed.ts"
import type { ObjectShape } from "./ToolShape.ts"

/** What a client may go by when it decides whether to ask its user. Each says no more than what is true. */
export interface Hints {
  /** It changes nothing. */
  readonly readOnlyHint: boolean
  /** What it changes may be more than an addition. */
  readonly destructiveHint: boolean
  /** A second call with the same arguments changes nothing more. */
  readonly idempotentHint: boolean
  /** It may reach more than this database. */
  readonly openWorldHint: boolean
}

/** Those of a tool that only looks into the database. */
export const looks: Hints = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false
}

/** The answer of a person at the client. */
export interface Said {
  readonly decision: "approve" | "deny"
  readonly choice?: string
  readonly note?: string
}

/** Who calls a tool, and how they are reached during the call. */
export interface Caller {
  /** Under which name what they do is recorded. */
  readonly by: string
  /** The program that they use, such as `claude-code 2.1`. */
  readonly client: string
  /** Tells them a line about what has happened. */
  readonly tell: (line: string) => Effect.Effect<void>
  /** Asks the person at the client, within so many ms; undefined where there is no answer. Absent where the client cannot ask. */
  readonly ask?: (question: OpenApproval, withinMs: number) => Effect.Effect<Said | undefined>
}

/** What a call came to: JSON of an object, what is shown beside it, and pages to read on at. */
export interface Result {
  readonly value: object
  readonly isError?: boolean
  readonly kept?: ReadonlyArray<Kept>
  readonly links?: ReadonlyArray<Link>
}

/** What a step has kept, whole: text, or bytes. */
export interface Kept {
  readonly uri: string
  readonly mimeType: string
  readonly content: { readonly text: string } | { readonly base64: string }
}

/** A resource that has more to say. */
export interface Link {
  readonly uri: string
  readonly name: string
  readonly mimeType: string
}

/** A tool of the server. */
export interface Tool {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly input: ObjectShape
  readonly output?: ObjectShape
  readonly hints: Hints
  readonly call: (
    args: Readonly<Record<string, unknown>>,
    caller: Caller
  ) => Effect.Effect<Result, CommandFailed>
}
