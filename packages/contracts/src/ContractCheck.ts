/**
 * Checks a document against everything that needs no expression engine, and
 * reports every mistake at once: fields and values first, then the graph, the
 * permissions and the limits, as far as the broken document allows.
 */
import * as EventName from "@fermata/core/EventName"
import * as JsonText from "@fermata/core/JsonText"
import * as Permission from "@fermata/core/Permission"
import * as StoredJson from "@fermata/core/StoredJson"
import { didYouMean } from "@fermata/core/Suggestion"
import * as TimeText from "@fermata/core/TimeText"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Contract from "./Contract.ts"
import * as ContractGraph from "./ContractGraph.ts"
import * as Problem from "./ContractProblem.ts"
import type { ContractProblem, Path } from "./ContractProblem.ts"
import * as ContractFields from "./internal/ContractFields.ts"
import { isRecord } from "./internal/ContractFields.ts"
import { standardShapes } from "./StandardShapes.ts"
import * as StepShape from "./StepShape.ts"
import type { StepShapes } from "./StepShape.ts"
import * as StepTree from "./StepTree.ts"

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
    ...checkKinds(document, shapes),
    ...checkWaits(document, shapes)
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
  const graphs = StepTree.graphsOf(document, shapes)
  const problems: Array<ContractProblem> = []
  const places = new Map<string, StepTree.Node>()
  let count = 0
  for (const { nodes, path } of graphs) {
    count += nodes.length
    if (path.length > 0 && count > Contract.bounds.steps && count - nodes.length <= Contract.bounds.steps) {
      problems.push(Problem.make({
        path: [...path, "steps"],
        code: "too-large",
        found: `${count} steps in the contract so far`,
        expected: `at most ${Contract.bounds.steps} steps, those inside other steps included`
      }))
    }
    for (const node of nodes) {
      const { id } = node.step
      if (typeof id !== "string") continue
      const first = places.get(id)
      if (first === undefined) {
        places.set(id, node)
        continue
      }
      problems.push(Problem.make({
        path: [...node.path, "id"],
        code: "duplicate-id",
        found: StoredJson.quote(id),
        expected: "an id that no other step has",
        message: `the id ${StoredJson.quote(id)} is already used by ${Problem.renderPath(first.path)}`
      }))
    }
  }
  for (const graph of graphs) checkOne(graph, places, shapes, problems)
  return problems
}

/** Whether the steps of one graph lead to each other, and from its first step to all. */
const checkOne = (
  graph: StepTree.Graph,
  places: ReadonlyMap<string, StepTree.Node>,
  shapes: StepShapes,
  problems: Array<ContractProblem>
): void => {
  const { entry, nodes } = graph
  const own = new Map<string, StepTree.Node>()
  for (const node of nodes) {
    const { id } = node.step
    if (typeof id === "string" && !own.has(id)) own.set(id, node)
  }
  const unknown = (path: Path, id: string, suggestion: string | undefined) => {
    const elsewhere = places.get(id)
    problems.push(elsewhere === undefined ? unknownStep(path, id, suggestion) : outside(path, id, graph, elsewhere))
  }
  const meant = (id: string): string | undefined =>
    problems.length >= maxSuggestions ? undefined : didYouMean(id, own.keys())

  // A misspelt target counts as the step that was meant, and a step that does not say what follows as
  // going on to the one below it, so that one mistake is one problem.
  const ways: Array<ContractGraph.Edge> = []
  nodes.forEach(({ path, step }, i) => {
    const said = ContractGraph.edgesOf(step, path, shapes)
    for (const edge of said) {
      const known = edge.to === null || own.has(edge.to)
      const suggestion = edge.to === null || known ? undefined : meant(edge.to)
      if (edge.to !== null && !known) unknown(edge.path, edge.to, suggestion)
      ways.push(known ? edge : { from: edge.from, to: suggestion ?? null, label: edge.label, path: edge.path })
    }
    const below = nodes[i + 1]?.step["id"]
    if (typeof step["id"] === "string" && typeof below === "string" && said.every(({ label }) => label === "error")) {
      ways.push({ from: step["id"], to: below, label: "", path: [] })
    }
  })

  if (typeof entry !== "string" || own.size === 0) return
  const suggestion = own.has(entry) ? undefined : didYouMean(entry, own.keys())
  if (!own.has(entry)) unknown([...graph.path, "entryStepId"], entry, suggestion)
  const start = own.has(entry) ? entry : suggestion
  if (start === undefined) return
  const seen = ContractGraph.reachableFrom([start], ways)
  for (const [id, { path }] of own) {
    if (seen.has(id)) continue
    problems.push(Problem.make({
      path,
      code: "unreachable-step",
      found: StoredJson.quote(id),
      expected: "a step that some way leads to",
      message: `no way leads from the first step ${StoredJson.quote(start)} to ${StoredJson.quote(id)}`
    }))
  }
}

/** A way that leads into a step, or out of one. */
const outside = (path: Path, id: string, { of }: StepTree.Graph, target: StepTree.Node): ContractProblem => {
  const name = (node: StepTree.Node | undefined) => StoredJson.quote(String(node?.step["id"]))
  const into = target.graph.of?.node
  return Problem.make({
    path,
    code: "unknown-step",
    found: StoredJson.quote(id),
    expected: "the id of a step beside this one, or null",
    message: into === undefined
      ? `the step ${StoredJson.quote(id)} is outside of ${
        name(of?.node)
      }, where no way leads; null goes on with what follows ${name(of?.node)}`
      : `the step ${StoredJson.quote(id)} is inside of ${name(into)}, where no way leads from here`
  })
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

const decodePermission = Schema.decodeUnknownResult(Permission.Permission)

const checkPermissions = (document: Record<string, unknown>, shapes: StepShapes): ReadonlyArray<ContractProblem> => {
  const listed = document["permissions"]
  const permissions = (Array.isArray(listed) ? listed : [])
    .map((item: unknown) => decodePermission(item))
    .filter(Result.isSuccess)
    .map(({ success }) => success)
  return nodesOf(document, shapes).flatMap(({ path, step }) => {
    const asked = StepShape.of(shapes, step)?.check.asks?.(step)
    if (asked === undefined) return []
    const { field, request } = asked
    const answer = Permission.decide(permissions, request)
    if (answer.decision === "allow") return []
    const reserved = request.kind === "event:emit" && EventName.isReserved(request.event)
    return [Problem.make({
      path: [...path, field],
      code: reserved ? "reserved-event" : "missing-permission",
      found: Problem.renderValue(step[field]),
      expected: reserved
        ? "an event that does not begin with \"engine.\""
        : `the permission ${StoredJson.textOf(Permission.grantFor(request))} in permissions`,
      message: reserved
        ? answer.reason
        : `${answer.reason}; add ${StoredJson.textOf(Permission.grantFor(request))} to permissions`
    })]
  })
}

// --------------------------------------------------------------------- kinds

/** What the kinds themselves find wrong with their steps. */
const checkKinds = (document: Record<string, unknown>, shapes: StepShapes): ReadonlyArray<ContractProblem> =>
  nodesOf(document, shapes).flatMap(({ path, step }) => StepShape.of(shapes, step)?.check.problems?.(step, path) ?? [])

/** What would be over only after its run has been stopped. */
const checkWaits = (document: Record<string, unknown>, shapes: StepShapes): ReadonlyArray<ContractProblem> => {
  const { limits } = document
  const given = isRecord(limits) ? limits["maxRunMs"] : undefined
  const longest = typeof given === "number" ? given : Contract.defaultLimits.maxRunMs
  return nodesOf(document, shapes).flatMap(({ path, step }) =>
    (StepShape.of(shapes, step)?.check.waits?.(step) ?? []).filter(({ millis }) => millis >= longest).map((wait) =>
      Problem.make({
        path: [...path, ...wait.path],
        code: "wrong-value",
        found: TimeText.duration(wait.millis),
        expected: `less than the longest time of a run, which is ${TimeText.duration(longest)}`,
        message: `a run is stopped after ${TimeText.duration(longest)} (limits.maxRunMs), before these ${
          TimeText.duration(wait.millis)
        } are over; wait for less, or raise that limit`
      })
    )
  )
}

const nodesOf = (document: object, shapes: StepShapes): ReadonlyArray<StepTree.Node> =>
  StepTree.graphsOf(document, shapes).flatMap(({ nodes }) => nodes)

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
