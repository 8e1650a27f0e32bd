/**
 * Why a contract is refused, with every mistake that was found in it and its
 * place. Nothing has been stored when one of these is given.
 */
import * as Schema from "effect/Schema"
import * as StoredJson from "./StoredJson.ts"

const texts = Schema.Array(Schema.String)

/** What kind of mistake it is. Stable, for tools. */
export const Code = Schema.Literals([
  "not-json",
  "lossy",
  "not-an-object",
  "too-large",
  "too-deep",
  "too-many-problems",
  "missing",
  "unknown-field",
  "wrong-type",
  "wrong-value",
  "unknown-kind",
  "duplicate-id",
  "unknown-step",
  "unreachable-step",
  "reserved-event",
  "missing-permission",
  "bad-expression",
  "unknown-reference"
])
export type Code = typeof Code.Type

/**
 * `path` looks like `steps[3].next` and is empty for the document itself.
 * `found` is a short rendering of what was there (absent when nothing was).
 * `position` is the offset in the text at `path`, for mistakes inside an
 * expression. `message` is a whole sentence made of the rest.
 */
export const ContractProblem = Schema.Struct({
  path: Schema.String,
  code: Code,
  found: Schema.optionalKey(Schema.String),
  expected: Schema.String,
  suggestion: Schema.optionalKey(Schema.String),
  position: Schema.optionalKey(Schema.Int),
  message: Schema.String
})
export type ContractProblem = typeof ContractProblem.Type

/** A document is no valid contract. Lists every mistake. */
export class ContractInvalid extends Schema.TaggedError<ContractInvalid>()("ContractInvalid", {
  /** The id that the document gives itself, where it has one. */
  contractId: Schema.optionalKey(Schema.String),
  problems: Schema.Array(ContractProblem)
}, { httpApiStatus: 422 }) {
  override get message(): string {
    const { length } = this.problems
    const name = this.contractId === undefined ? "the contract" : `the contract ${StoredJson.quote(this.contractId)}`
    const list = this.problems.map(({ message }) => `\n- ${message}`).join("")
    return `${name} has ${length} ${length === 1 ? "problem" : "problems"}:${list}`
  }
}

/** The document is not what the store has under its id and version. Nothing was stored. */
export class ContractRefused extends Schema.TaggedError<ContractRefused>()("ContractRefused", {
  contract: Schema.String,
  version: Schema.String,
  /** Hash of the document that was given. */
  hash: Schema.String,
  /** Hash of what the store has; empty when a program has the name. */
  stored: Schema.String
}, { httpApiStatus: 409 }) {
  override get message(): string {
    const name = `"${this.contract}" ${this.version}`
    return this.stored === ""
      ? `There is a program ${name} already; give the contract another id`
      : `Contract ${name} is in the store with another document (hash ${this.stored}, this one is ${this.hash}); ` +
        "a version never changes: give the changed document a new version"
  }
}

/** The store has no contract of this id, or not in this version. */
export class ContractNotFound extends Schema.TaggedError<ContractNotFound>()("ContractNotFound", {
  contract: Schema.String,
  version: Schema.optionalKey(Schema.String),
  /** What there is, as `id@version`: the versions of this contract, or all contracts. */
  known: texts
}, { httpApiStatus: 404 }) {
  override get message(): string {
    const version = this.version === undefined ? "" : ` version ${this.version}`
    return `There is no contract "${this.contract}"${version}${
      this.known.length === 0
        ? "; none has been added"
        : `; there are ${this.known.slice(0, 8).join(", ")}${this.known.length > 8 ? " and more" : ""}`
    }`
  }
}
