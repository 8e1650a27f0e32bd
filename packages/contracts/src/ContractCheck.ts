/**
 * Checks a document against everything that needs no expression engine, and
 * reports every mistake at once: fields and values first, then the graph, the
 * permissions and the limits, as far as the broken document allows.
 */
import * as EventName from "@fermata/core/EventName"
import * as JsonText from "@fermata/core/JsonText"
import * as Policy from "@fermata/core/Policy"
import * as StoredJson from "@fermata/core/StoredJson"
import { didYouMean } from "@fermata/core/Suggestion"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Contract from "./Contract.ts"
import * as ContractFields from "./ContractFields.ts"
import { isRecord } from "./ContractFields.ts"
import * as ContractGraph from "./ContractGraph.ts"
import * as Problem from "./ContractProblem.ts"
import type { ContractProblem, Path } from "./ContractProblem.ts"
import { standardShapes } from "./StandardShapes.ts"
import * as StepShape from "./StepShape.ts"
import type { StepShapes } from "./StepShape.ts"

/** The outcome of a check. `contract` is there exactly when there are no problems. */
export interface Checked {
  readonly contract?: Contract.Contract
  readonly problems: ReadonlyArray<ContractProblem>
}

/** Most problems that one check reports. */
export const maxProblems = 500

/** Problems of the graph after which nobody is asked whether they meant something else. */
const maxSuggestions = 50

/** Checks a parsed JSON document. Never throws, whatever the value. */
export const check = (document: unknown, shapes: StepShapes = standardShapes): Checked => {
  const size = checkSize(document)
  if (size !== undefined) return { problems: [size] }
  if (!isRecord(document)) {
    return {
      problems: [Problem.make({
        path: [],
        code: "not-an-object",
        found: Problem.renderValue(document),
        expected: "a JSON object"
      })]
    }
  }
  const problems = [
    ...ContractFields.check(document, shapes),
    ...checkGraph(document, shapes),
    ...checkPermissions(document, shapes),
    ...checkKinds(document, shapes)
  ]
  return problems.length === 0
    ? { contract: Schema.decodeUnknownSync(Contract.schemaOf(shapes))(document), problems }
    : { problems: capped(problems) }
}

/** The first `maxProblems`, and one more that says how many there were. */
export const capped = (problems: ReadonlyArray<ContractProblem>): ReadonlyArray<ContractProblem> =>
  problems.length <= maxProblems ? problems : [
    ...problems.slice(0, maxProblems),
    Problem.make({
      path: [],
      code: "too-many-problems",
      found: `${problems.length} problems`,
      expected: "fewer mistakes; only the first ones are listed"
    })
  ]

/** Checks a contract as text. Never throws. */
export const checkText = (text: string, shapes: StepShapes = standardShapes): Checked =>
  checkTextWith(text, (document) => check(document, shapes))

/** As `checkText`, with another check of the document, such as one that looks into expressions too. */
export const checkTextWith = (
  text: string,
  check: (document: unknown) => Checked
): Checked & { readonly document?: unknown } => {
  if (text.length > Contract.bounds.bytes) return { problems: [tooLarge] }
  const parsed = JsonText.parse(text)
  switch (parsed._tag) {
    case "Json":
      return { ...check(parsed.value), document: parsed.value }
    case "Lossy":
      return {
        problems: capped([...parsed.losses.map(lossy), ...check(parsed.value).problems]),
        document: parsed.value
      }
    case "Mistake":
      return { problems: [notJson(parsed)] }
  }
}

/** The problem of a text that is not JSON. */
const notJson = (
  { column, line, offset, problem }: Extract<JsonText.Parsed, { readonly _tag: "Mistake" }>
): ContractProblem =>
  Problem.make({
    path: [],
    code: "not-json",
    expected: "a JSON text",
    position: offset,
    message: `the document is not JSON: ${problem} at line ${line}, column ${column}`
  })

/** The problem of what would be something else without a word. */
const lossy = ({ column, line, offset, path, problem }: JsonText.Loss): ContractProblem =>
  Problem.make({
    path,
    code: "lossy",
    expected: "JSON that stays what it says",
    position: offset,
    message: `${problem} (line ${line}, column ${column})`
  })

// --------------------------------------------------------------------- graph

const checkGraph = (document: Record<string, unknown>, shapes: StepShapes): ReadonlyArray<ContractProblem> => {
  const steps = stepsOf(document)
  const places = new Map<string, number>()
  const problems: Array<ContractProblem> = []
  steps.forEach(({ id }, i) => {
    if (typeof id !== "string") return
    const first = places.get(id)
    if (first === undefined) {
      places.set(id, i)
      return
    }
    problems.push(Problem.make({
      path: ["steps", i, "id"],
      code: "duplicate-id",
      found: StoredJson.quote(id),
      expected: "an id that no other step has",
      message: `the id ${StoredJson.quote(id)} is already used by steps[${first}]`
    }))
  })

  // A misspelt target counts as the step that was meant, and a step that does not say what follows as
  // going on to the one below it, so that one mistake is one problem.
  const ways: Array<ContractGraph.Edge> = []
  steps.forEach((step, i) => {
    const said = ContractGraph.edgesOf(step, i, shapes)
    for (const edge of said) {
      const known = edge.to === null || places.has(edge.to)
      const suggestion = edge.to === null || known || problems.length >= maxSuggestions
        ? undefined
        : didYouMean(edge.to, places.keys())
      if (edge.to !== null && !known) problems.push(unknownStep(edge.path, edge.to, suggestion))
      ways.push(known ? edge : { from: edge.from, to: suggestion ?? null, label: edge.label, path: edge.path })
    }
    const below = steps[i + 1]?.["id"]
    if (typeof step["id"] === "string" && typeof below === "string" && said.every(({ label }) => label === "error")) {
      ways.push({ from: step["id"], to: below, label: "", path: [] })
    }
  })

  const entry = document["entryStepId"]
  if (typeof entry !== "string" || places.size === 0) return problems
  if (!places.has(entry)) problems.push(unknownStep(["entryStepId"], entry, didYouMean(entry, places.keys())))
  const start = places.has(entry) ? entry : didYouMean(entry, places.keys())
  if (start === undefined) return problems
  const seen = ContractGraph.reachableFrom([start], ways)
  for (const [id, i] of places) {
    if (seen.has(id)) continue
    problems.push(Problem.make({
      path: ["steps", i],
      code: "unreachable-step",
      found: StoredJson.quote(id),
      expected: "a step that some way leads to",
      message: `no way leads from the first step ${StoredJson.quote(start)} to ${StoredJson.quote(id)}`
    }))
  }
  return problems
}

const unknownStep = (path: Path, id: string, suggestion: string | undefined): ContractProblem =>
  Problem.make({
    path,
    code: "unknown-step",
    found: StoredJson.quote(id),
    expected: path.at(-1) === "entryStepId" ? "the id of a step" : "the id of a step, or null to end the run",
    suggestion
  })

// --------------------------------------------------------------- permissions

const decodePermission = Schema.decodeUnknownResult(Policy.Permission)

const checkPermissions = (document: Record<string, unknown>, shapes: StepShapes): ReadonlyArray<ContractProblem> => {
  const listed = document["permissions"]
  const permissions = (Array.isArray(listed) ? listed : [])
    .map((item: unknown) => decodePermission(item))
    .filter(Result.isSuccess)
    .map(({ success }) => success)
  return stepsOf(document).flatMap((step, i) => {
    const asked = StepShape.of(shapes, step)?.check.asks?.(step)
    if (asked === undefined) return []
    const { field, request } = asked
    const answer = Policy.decide(permissions, request)
    if (answer.decision === "allow") return []
    const reserved = request.kind === "event:emit" && EventName.isReserved(request.event)
    return [Problem.make({
      path: ["steps", i, field],
      code: reserved ? "reserved-event" : "missing-permission",
      found: Problem.renderValue(step[field]),
      expected: reserved
        ? "an event that does not begin with \"engine.\""
        : `the permission ${StoredJson.textOf(Policy.grantFor(request))} in permissions`,
      message: reserved
        ? answer.reason
        : `${answer.reason}; add ${StoredJson.textOf(Policy.grantFor(request))} to permissions`
    })]
  })
}

// --------------------------------------------------------------------- kinds

/** What the kinds themselves find wrong with their steps. */
const checkKinds = (document: Record<string, unknown>, shapes: StepShapes): ReadonlyArray<ContractProblem> =>
  stepsOf(document).flatMap((step, i) => StepShape.of(shapes, step)?.check.problems?.(step, ["steps", i]) ?? [])

// ---------------------------------------------------------------- size, JSON

const tooLarge = Problem.make({
  path: [],
  code: "too-large",
  found: "more",
  expected: `a document of at most ${Contract.bounds.bytes} bytes`
})

/** Walks the document once, so that everything after it may trust its size, its depth and that it is JSON. */
const checkSize = (document: unknown): ContractProblem | undefined => {
  let left: number = Contract.bounds.bytes
  const visit = (value: unknown, path: Path): ContractProblem | undefined => {
    if (path.length > Contract.bounds.depth) {
      return Problem.make({
        path: path.slice(0, 8),
        code: "too-deep",
        found: "deeper nesting",
        expected: `a document nested at most ${Contract.bounds.depth} levels deep`
      })
    }
    left -= typeof value === "string" ? value.length + 2 : 4
    if (left < 0) return tooLarge
    if (Array.isArray(value)) {
      for (let i = 0; i < value.length; i++) {
        const problem = visit(value[i], [...path, i])
        if (problem !== undefined) return problem
      }
      return undefined
    }
    if (isRecord(value)) {
      for (const name of Object.keys(value)) {
        left -= name.length + 3
        const problem = visit(value[name], [...path, name])
        if (problem !== undefined) return problem
      }
      return undefined
    }
    if (value === null || typeof value === "string" || typeof value === "boolean" || Number.isFinite(value)) {
      return undefined
    }
    return Problem.make({ path, code: "not-json", found: typeof value, expected: "a JSON value" })
  }
  return visit(document, [])
}

const stepsOf = (document: Record<string, unknown>): ReadonlyArray<Record<string, unknown>> => {
  const steps = document["steps"]
  return Array.isArray(steps)
    ? steps.slice(0, Contract.bounds.steps).map((step: unknown) => isRecord(step) ? step : {})
    : []
}
