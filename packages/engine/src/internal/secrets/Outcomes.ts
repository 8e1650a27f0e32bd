/** Outcomes of attempts that were told secrets, on their way into the journal. */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as StoredJson from "@fermata/core/StoredJson"
import type { Giver } from "@fermata/core/ValueRefused"
import * as Exit from "effect/Exit"
import * as Handover from "../Handover.ts"
import type { StepDefinition } from "../run/Ask.ts"
import type { Scrub } from "./Scrub.ts"

/** As `Handover.exit`, without the secrets. What its schema does not read any more without them is a defect, so that a replay reads what is recorded. */
export const exit = (
  what: string,
  exit: Exit.Exit<unknown, unknown>,
  by: Giver,
  scrub: Scrub,
  definition: Pick<StepDefinition, "problemOf" | "errorProblemOf">
): JournalEntry.ExitJson => {
  const given = Handover.toJson(exit)
  const cut = without(given, scrub)
  const problem = cut === given ? undefined : problemOf(cut, definition)
  if (problem === undefined) {
    // What could not be stored was told in words, which may be those of the secret.
    return without(Handover.exitJson(what, cut, by), scrub)
  }
  const left = scrub.text(problem)
  return Handover.exit(
    what,
    Exit.die(
      new Error(
        `The ${what} holds what a secret says; that was cut out, and its schema does not read what is left (${left}): `
          + "give on only what others may know"
      )
    ),
    by
  )
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The same exit where there is nothing to cut out. */
const without = (json: JournalEntry.ExitJson, scrub: Scrub): JournalEntry.ExitJson => {
  if (json._tag === "Success") {
    const value = scrub.json(json.value)
    return value === json.value ? json : { _tag: "Success", value }
  }
  const given = json.cause instanceof StoredJson.StoredJson ? json.cause.toJSON() : json.cause
  if (!Array.isArray(given)) return json
  const reasons = given.map((reason) => withoutReason(reason, scrub))
  if (reasons.every((reason, index) => reason === given[index])) return json
  return { _tag: "Failure", cause: given === json.cause ? reasons : StoredJson.list(reasons) }
}

/** What says which kind of a reason it is stays, whatever the secret says. */
const withoutReason = (reason: unknown, scrub: Scrub): unknown => {
  if (typeof reason !== "object" || reason === null) return scrub.json(reason)
  const parts = Object.entries(reason)
  const cut = parts.map(([key, part]) => [key, key === "_tag" ? part : scrub.json(part)] as const)
  return cut.every(([, part], index) => part === parts[index]![1]) ? reason : Object.fromEntries(cut)
}

const problemOf = (
  json: JournalEntry.ExitJson,
  { errorProblemOf, problemOf }: Pick<StepDefinition, "problemOf" | "errorProblemOf">
): string | undefined => {
  if (json._tag === "Success") return problemOf(StoredJson.copy(json.value))
  if (errorProblemOf === undefined || !Array.isArray(json.cause)) return undefined
  for (const reason of json.cause as ReadonlyArray<{ readonly _tag?: unknown; readonly error?: unknown }>) {
    const problem = reason?._tag === "Fail" ? errorProblemOf(StoredJson.copy(reason.error)) : undefined
    if (problem !== undefined) return problem
  }
  return undefined
}
