/**
 * Follows a run and, on a terminal, asks there what the run asks people.
 */
import * as JsonText from "@fermata/core/JsonText"
import type { OpenApproval } from "@fermata/core/Question"
import { asides, linesOf } from "@fermata/core/QuestionText"
import * as Effect from "effect/Effect"
import { createInterface } from "node:readline"
import type { CommandFailed } from "./CommandFailed.ts"
import { follow, type Followed, type Options } from "./Follow.ts"
import type { Globals } from "./Globals.ts"
import { lossText } from "./JsonOption.ts"
import type { Operator } from "./Operator.ts"
import { err, lineOf, note, parts } from "./Output.ts"
import * as QuestionLines from "./QuestionLines.ts"

/** Follows the run until it is over, or until somebody else must act. */
export const followAndAsk = (
  operator: Operator,
  globals: Globals,
  runId: string,
  options: Options
): Effect.Effect<Followed, CommandFailed> =>
  Effect.gen(function*() {
    let followed = yield* follow(operator, runId, options)
    while (isInteractive() && followed.view.reason === "approval" && operator.there?.mayAnswer !== false) {
      const open = yield* operator.look(operator.runs.approvals({ run: runId, approver: globals.roles }))
      const question = open.find(({ requester, status, wanted }) =>
        status === "open" && requester !== globals.as && wanted.some((name) => globals.roles.includes(name))
      )
      if (question === undefined) break
      const given = yield* ask(question)
      if (given === undefined) break
      yield* Effect.catchTag(
        Effect.asVoid(operator.refine(operator.runs.answer(question.id, { ...given, by: globals.as }))),
        "CommandFailed",
        // Somebody else was faster, or the answer does not fit: the question is asked again if it is still open.
        (failure) => note(`  ${failure.message}`)
      )
      followed = yield* follow(operator, runId, { ...options, told: followed.view.counts.entries })
    }
    return followed
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const isInteractive = (): boolean => process.stdin.isTTY === true && process.stderr.isTTY === true

type Given = {
  readonly decision: "approve" | "deny"
  readonly choice?: string
  readonly edit?: unknown
  readonly hash?: string
  readonly note?: string
  readonly always?: string
}

/** The answer of the person at the terminal; undefined when there is none. The question is put on stderr, since stdout carries the result. */
const ask = (question: OpenApproval): Effect.Effect<Given | undefined> =>
  Effect.gen(function*() {
    yield* note("")
    const [first = ""] = linesOf(question.prompt)
    yield* note(`${err.bold(first)}  ${err.dim(`(${question.id})`)}${parts(QuestionLines.of(question), "  ")}`)
    for (const aside of asides(question)) yield* note(aside)
    if (question.quorum > 1) yield* note(question.progress)
    // What is on the screen is what is answered.
    const looked = question.hash === undefined ? {} : { hash: question.hash }
    while (true) {
      const text = yield* prompt(ways(question))
      if (text === undefined || text === "") return undefined
      const word = text.toLowerCase()
      const rules = question.edit === undefined ? question.standing?.rules ?? [] : []
      const number = /^(?:always|al) ?(\d+)$/.exec(word)?.[1]
      if (number !== undefined) {
        const always = rules[Number(number) - 1]
        if (always !== undefined) return { decision: "approve", always, ...looked, ...(yield* noted) }
        continue
      }
      if ("deny".startsWith(word) || word === "n" || word === "no") {
        return { decision: "deny", ...looked, ...(yield* noted) }
      }
      if (question.editable && "edit".startsWith(word)) {
        const edit = yield* edited
        if (edit !== undefined) {
          const choice = yield* chosen(question)
          if (choice !== undefined) {
            return { decision: "approve", edit: edit.value, ...looked, ...choice, ...(yield* noted) }
          }
        }
      } else if ("approve".startsWith(word) || word === "y" || word === "yes") {
        const choice = yield* chosen(question)
        if (choice !== undefined) {
          return { decision: "approve", ...looked, ...choice, ...(yield* noted) }
        }
      }
    }
  })

/** The ways to answer, as they are typed. */
const ways = ({ edit, editable, standing }: OpenApproval): string => {
  const rules = edit === undefined ? standing?.rules.length ?? 0 : 0
  const always = rules === 0 ? "" : rules === 1 ? "/al1" : `/al1 to al${rules}`
  return editable
    ? `approve, deny, or edit? [a/d/e${always}, empty to leave it open] `
    : `approve or deny? [a/d${always}, empty to leave it open] `
}

/** A yes chooses where there is something to choose; undefined when the person would rather not. */
const chosen = ({ choices }: OpenApproval): Effect.Effect<{ readonly choice?: string } | undefined> =>
  Effect.gen(function*() {
    if (choices.length === 0) return {}
    while (true) {
      const text = yield* prompt(`which? [${choices.join(", ")}, empty to think again] `)
      if (text === undefined || text === "") return undefined
      if (choices.includes(text)) return { choice: text }
    }
  })

const noted: Effect.Effect<{ readonly note?: string }> = Effect.map(
  prompt("a note? [empty for none] "),
  (text) => text === undefined || text === "" ? {} : { note: text }
)

const edited: Effect.Effect<{ readonly value: unknown } | undefined> = Effect.gen(function*() {
  const text = yield* prompt("the new arguments as JSON: ")
  if (text === undefined || text === "") return undefined
  const parsed = JsonText.parse(text)
  if (parsed._tag === "Json") return { value: parsed.value }
  yield* note(
    parsed._tag === "Lossy"
      ? lossText(parsed.losses[0])
      : `that is not JSON: ${parsed.problem} at character ${parsed.offset}`
  )
  return undefined
})

/** One line from the terminal; undefined at its end. */
function prompt(text: string): Effect.Effect<string | undefined> {
  return Effect.callback<string | undefined>((resume) => {
    const reader = createInterface({ input: process.stdin, output: process.stderr, terminal: true })
    let answered = false
    const done = (line: string | undefined) => {
      if (answered) return
      answered = true
      reader.close()
      resume(Effect.succeed(line))
    }
    reader.once("close", () => done(undefined))
    // Ctrl-C ends the command and not only the question.
    reader.once("SIGINT", () => {
      done(undefined)
      process.kill(process.pid, "SIGINT")
    })
    reader.question(lineOf(text), (line) => done(line.trim()))
    return Effect.sync(() => reader.close())
  })
}
