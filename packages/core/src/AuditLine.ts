/**
 * The audit: a line for each act of a person on a store, chained by hashes, so
 * that whoever changes a line afterwards, takes one out or puts one in is found.
 *
 * Anybody can compute the chain anew: the hash of a line is SHA-256, in hex, of
 * the UTF-8 text `prev` + `textOf(line)`, where `prev` is the hash of the line
 * before, and `origin` for the first.
 */
import * as Schema from "effect/Schema"
import * as StoredJson from "./StoredJson.ts"

/** Stands before the first line. */
export const origin = "0".repeat(64)

/** What an act was about, beside its target: names, counts and hashes, and never what a run was given or gave. */
export const AuditDetail = Schema.Record(
  Schema.String,
  Schema.Union([Schema.String, Schema.Finite, Schema.Boolean, Schema.Array(Schema.String)])
)
export type AuditDetail = typeof AuditDetail.Type

/** One act, and its place in the chain. */
export const AuditLine = Schema.Struct({
  /** From 1 on, without gaps. */
  n: Schema.Int,
  /** ms since the epoch. */
  at: Schema.Finite,
  /** The name of whoever acted. */
  who: Schema.String,
  /** By which way: `http:<id of the token>`, `http` without one, `command`, `mcp` or `library`. */
  how: Schema.String,
  /** What was done, such as `run.cancel`. */
  action: Schema.String,
  /** To what: the id of a run, a question, a token, a rule or an event, a contract with its version, or a workflow. */
  target: Schema.String,
  detail: AuditDetail,
  /** The tenant in which it was done, or whose target it is; absent where there is none. */
  tenant: Schema.optionalKey(Schema.String),
  /** The hash of the line before. */
  prev: Schema.String,
  /** SHA-256 in lower-case hex. */
  hash: Schema.String
})
export interface AuditLine extends Schema.Schema.Type<typeof AuditLine> {}

/** What a line says, with its detail as the text that is stored. */
export interface AuditText extends Omit<AuditLine, "detail" | "hash" | "prev"> {
  readonly detail: string
}

/** The text of a line that its hash is made of: JSON as of RFC 8785, with the names in order and nothing between them. */
export const textOf = ({ action, at, detail, how, n, target, tenant, who }: AuditText): string =>
  `{"action":${quote(action)},"at":${StoredJson.textOf(at)},"detail":${detail},"how":${quote(how)},"n":${
    StoredJson.textOf(n)
  },"target":${quote(target)},${tenant === undefined ? "" : `"tenant":${quote(tenant)},`}"who":${quote(who)}}`

/** The detail as text, with its names in order. */
export const detailText = (detail: AuditDetail): string =>
  StoredJson.textOf(Object.fromEntries(Object.entries(detail).sort(([a], [b]) => a < b ? -1 : 1)))

/** What is wrong with a chain, at its first line that is not as it was written. */
export const AuditFault = Schema.Struct({
  /** The line, by its number. */
  n: Schema.Int,
  /**
   * `altered`: the line is not what its hash was made of. `missing`: there is no
   * line of this number, and there are later ones. `misplaced`: it was not written
   * behind the line that it stands behind, so it was put in or moved, or the one
   * before it was exchanged. `cut`: the chain ends before it, since no line has
   * the hash that its head is known to have had.
   */
  kind: Schema.Literals(["altered", "missing", "misplaced", "cut"]),
  /** The same as a sentence. */
  problem: Schema.String
})
export interface AuditFault extends Schema.Schema.Type<typeof AuditFault> {}

/** What a look through the whole chain has found. */
export const AuditVerdict = Schema.Struct({
  intact: Schema.Boolean,
  /** How many lines were found in order. */
  lines: Schema.Int,
  /** The hash of the last of them; `origin` where there is none. Kept elsewhere, it shows later that nothing was cut off. */
  head: Schema.String,
  fault: Schema.optionalKey(AuditFault)
})
export interface AuditVerdict extends Schema.Schema.Type<typeof AuditVerdict> {}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const { quote } = StoredJson
