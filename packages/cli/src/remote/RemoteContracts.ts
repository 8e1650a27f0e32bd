/** Contract files, as a server reads them: by the kinds of steps that are there. */
import type { ContractProblem } from "@fermata/contracts/ContractProblem"
import * as ContractValidation from "@fermata/contracts/ContractValidation"
import { standardKinds } from "@fermata/contracts/StandardKinds"
import * as Effect from "effect/Effect"
import type { CommandFailed } from "../CommandFailed.ts"
import { invalid, readText } from "../ContractFile.ts"
import type { Operator } from "../Operator.ts"

/** What a check of a file found. */
export interface Checked {
  readonly file: string
  /** There when the text is JSON. */
  readonly document?: unknown
  readonly problems: ReadonlyArray<ContractProblem>
}

/** A file with a contract that the server takes. */
export interface Read {
  readonly file: string
  readonly document: object
  readonly id: string
  readonly version: string
}

/** Checks a file. Fails only when it cannot be read. */
export const check = Effect.fnUntraced(function*(
  operator: Operator,
  file: string
): Effect.fn.Return<Checked, CommandFailed> {
  const { document, problems } = ContractValidation.checkText(yield* readText(file), standardKinds)
  return document === undefined
    ? { file, problems }
    : { file, document, problems: yield* operator.refine(operator.contracts.check(document)) }
})

/** Reads and checks a file. Every mistake is told at once. */
export const read = Effect.fnUntraced(function*(
  operator: Operator,
  file: string
): Effect.fn.Return<Read, CommandFailed> {
  const { document, problems } = yield* check(operator, file)
  if (problems.length > 0) return yield* invalid(file, problems)
  // A document without problems has both.
  const { id, version } = document as { readonly id: string; readonly version: string }
  return { file, document: document as object, id, version }
})
