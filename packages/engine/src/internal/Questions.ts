/**
 * Questions to people as the store keeps them: a row with the question, every
 * answer that was taken, and where it stands with them.
 */
import * as Rule from "@fermata/core/ApprovalRule"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import { Given, questionFields, Routed } from "@fermata/core/Question"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { ApprovalRow, RunRow } from "../Backend.ts"
import { sha256Hex, sha256Now } from "../Digest.ts"
import { jsonCodec } from "./JsonCodec.ts"

const { approvers: _approvers, deadline: _deadline, prompt: _prompt, ...documentFields } = questionFields

const decodeDocument = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Struct(documentFields)))
const decodeTexts = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Array(Schema.String)))
const decodeTaken = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Array(Schema.Union([Given, Routed]))))

/** What was taken of a question: an answer, or that it went to somebody else. */
export type Taken = Given | Routed

const isRouted = (taken: Taken): taken is Routed => "kind" in taken
const isAnswer = (taken: Taken): taken is Given => !("kind" in taken)

/** A question as its row says it, with whom it went to. */
export interface Question extends Rule.Question {
  readonly prompt: string
  readonly schema?: unknown
}

/** The row of a question that has these answers already. */
export const rowOf = (
  run: Pick<RunRow, "id" | "workflow">,
  entry: JournalEntry.EntryOf<"ApprovalRequested">,
  taken: ReadonlyArray<Taken> = [],
  requestedAt: number = entry.at
): ApprovalRow => {
  const { approvers, args, choices, deadline, editable, escalate, hash, key, notBy, of, onTimeout } = entry
  const { prompt, quorum, remind, requester, schema, standing } = entry
  return {
    run: run.id,
    key,
    workflow: run.workflow,
    prompt,
    approvers: StoredJson.textOf(approvers),
    question: StoredJson.compose({
      choices,
      quorum,
      of,
      editable,
      onTimeout,
      args,
      hash,
      requester,
      notBy,
      escalate,
      remind,
      schema,
      standing
    }).text,
    requestedAt,
    deadline: deadline ?? null,
    answers: StoredJson.textOf(taken),
    version: taken.length,
    status: "open"
  }
}

/** The question of a row, with its answers; of an older build, which has none in its rows, without. None when it cannot be read. */
export const readRow = (
  row: ApprovalRow
): Option.Option<{
  readonly question: Question
  readonly given: ReadonlyArray<Given> | undefined
  /** The same and whom the question went to, in the order in which it was taken. */
  readonly taken: ReadonlyArray<Taken> | undefined
}> =>
  Option.gen(function*() {
    const approvers = yield* decodeTexts(row.approvers)
    const document = yield* decodeDocument(row.question)
    const taken = row.answers === null ? undefined : yield* decodeTaken(row.answers)
    const { deadline, prompt } = row
    const routed = taken?.filter(isRouted) ?? []
    return {
      question: {
        prompt,
        approvers,
        ...document,
        ...(deadline === null ? {} : { deadline }),
        ...(routed.length === 0 ? {} : { routed })
      },
      given: taken?.filter(isAnswer),
      taken
    }
  })

/** What is shown of a question that cannot be read. Nobody may answer it. */
export const unreadable = (row: ApprovalRow): Question => ({
  prompt: `${row.prompt} (its row cannot be read, so nobody can answer it)`,
  approvers: [],
  choices: [],
  quorum: 1,
  editable: false,
  onTimeout: "deny"
})

/** The hash of arguments. `wait` is told of a digest that takes a while, so that nothing overtakes it. */
export const hashOf = (args: unknown, wait: (digest: Promise<unknown>) => void = () => {}): Effect.Effect<string> => {
  const digest = Effect.suspend(() => sha256Hex(Rule.hashed(args)))
  if (sha256Now !== undefined) return digest
  return Effect.suspend(() => {
    const promise = Effect.runPromise(digest)
    wait(promise)
    return Effect.promise(() => promise)
  })
}

/** The JSON Schema of arguments; undefined for a schema that has none. */
export const schemaDocument = (schema: Schema.Top): unknown => {
  try {
    return Schema.toJsonSchemaDocument(jsonCodec(schema), { onExcessProperty: "error" })
  } catch {
    return undefined
  }
}

/** Why these arguments do not fit the JSON Schema of the question; undefined when they do, or when it has none. */
export const problemOf = (document: unknown, args: unknown): Effect.Effect<string | undefined> =>
  document === undefined
    ? Effect.undefined
    : Effect.promise(() => import("./ArgumentsSchema.ts").then(({ check }) => check(document, args)))
