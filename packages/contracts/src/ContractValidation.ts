/**
 * The whole validation of a contract: the check of `core`, and every
 * expression parsed and its references resolved. All mistakes are reported at
 * once, each with its place.
 */
import { ContractInvalid } from "@fermata/core/ContractErrors"
import * as StoredJson from "@fermata/core/StoredJson"
import { didYouMean } from "@fermata/core/Suggestion"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Contract } from "./Contract.ts"
import * as ContractCheck from "./ContractCheck.ts"
import * as ContractGraph from "./ContractGraph.ts"
import * as Parts from "./ContractParts.ts"
import * as Problem from "./ContractProblem.ts"
import type { ContractProblem, Path } from "./ContractProblem.ts"
import * as Expression from "./Expression.ts"
import { isRecord } from "./internal/ContractFields.ts"
import * as JsonShape from "./JsonShape.ts"
import { standardShapes } from "./StandardShapes.ts"
import * as StepShape from "./StepShape.ts"
import type { OutputOf, StepShapes } from "./StepShape.ts"
import * as StepTree from "./StepTree.ts"

export { ContractInvalid }

/**
 * Checks a parsed JSON document, expressions included. Never throws. What is
 * read of the outputs of steps is checked where these are known; `outputOf`
 * tells those of other workflows.
 */
export const check = (
  document: unknown,
  shapes: StepShapes = standardShapes,
  outputOf: OutputOf = unknownOutputs
): ContractCheck.Checked => {
  const checked = ContractCheck.check(document, shapes)
  if (checked.problems.some(({ code }) => stops.has(code))) return checked
  const graphIsKnown = checked.problems.every(({ code }) => !hidesGraph.has(code))
  const problems = [...checked.problems, ...checkExpressions(document, graphIsKnown, shapes, outputOf)]
  return problems.length === 0 ? checked : { problems: ContractCheck.capped(problems) }
}

/** The contract of a parsed JSON document, with its defaults filled in. */
export const validate = (
  document: unknown,
  shapes: StepShapes = standardShapes,
  outputOf: OutputOf = unknownOutputs
): Effect.Effect<Contract, ContractInvalid> =>
  Effect.suspend(() => toEffect(check(document, shapes, outputOf), fieldOf(document, "id")))

/** The contract of a JSON text. */
export const validateText = (
  text: string,
  shapes: StepShapes = standardShapes
): Effect.Effect<Contract, ContractInvalid> =>
  Effect.suspend(() => {
    const checked = checkText(text, shapes)
    return toEffect(checked, fieldOf(checked.document, "id"))
  })

/** Checks a contract as text, expressions included. `document` is what the text says, where it is JSON. */
export const checkText = (
  text: string,
  shapes: StepShapes = standardShapes,
  outputOf: OutputOf = unknownOutputs
) => ContractCheck.checkTextWith(text, (document) => check(document, shapes, outputOf))

/** Most expressions that a contract may have. */
export const maxExpressions = 5000

// ---------------------------------------------------------------- internal

const unknownOutputs: OutputOf = () => undefined

/** Problems after which there is no document to look into. */
const stops: ReadonlySet<string> = new Set(["not-json", "not-an-object", "too-large", "too-deep"])

/** Problems after which nobody can say which steps run before which. */
const hidesGraph: ReadonlySet<string> = new Set([
  "unknown-step",
  "unreachable-step",
  "duplicate-id",
  "unknown-kind",
  "missing"
])

const toEffect = (checked: ContractCheck.Checked, id: unknown): Effect.Effect<Contract, ContractInvalid> =>
  checked.contract !== undefined
    ? Effect.succeed(checked.contract)
    : Effect.fail(
      new ContractInvalid({ ...(typeof id === "string" ? { contractId: id } : {}), problems: checked.problems })
    )

/** A field of the document that holds expressions. */
interface Place {
  readonly path: Path
  readonly value: unknown
  /** Whether the whole text is one expression, with or without braces. */
  readonly whole: boolean
  /** Names in scope. */
  readonly names: ReadonlyArray<string>
  /** The graph whose steps it sees, beside those around it. */
  readonly graph?: StepTree.Graph | undefined
  /** The step that evaluates it; absent for what is evaluated behind all steps of the graph. */
  readonly step?: string | undefined
}

const placesOf = (
  document: unknown,
  graphs: ReadonlyArray<StepTree.Graph>,
  shapes: StepShapes
): ReadonlyArray<Place> => [
  ...list(fieldOf(document, "triggers")).flatMap((trigger, i) =>
    ["where", "key"].map((field): Place => ({
      path: ["triggers", i, field],
      value: fieldOf(trigger, field),
      whole: true,
      names: ["trigger"]
    }))
  ),
  { path: ["runTitle"], value: fieldOf(document, "runTitle"), whole: false, names: ["trigger", "input"] },
  ...graphs.flatMap((graph) => {
    const names = StepTree.around(graph).flatMap(({ of }) => of?.inner.names ?? [])
    return [
      ...graph.nodes.flatMap((node) => placesOfStep(node, names, shapes)),
      {
        path: [...graph.path, "output"],
        value: StepShape.at(document, ...graph.path, "output"),
        whole: false,
        names: [...Parts.scopeNames, ...names],
        graph
      }
    ]
  })
]

const placesOfStep = (
  { graph, path, step }: StepTree.Node,
  names: ReadonlyArray<string>,
  shapes: StepShapes
): ReadonlyArray<Place> => {
  const { id } = step
  return (StepShape.of(shapes, step)?.check.expressions(step) ?? []).map((place) => ({
    path: [...path, ...place.path],
    value: StepShape.at(step, ...place.path),
    whole: place.whole === true,
    names: [...Parts.scopeNames, ...names, ...place.names ?? []],
    graph,
    step: typeof id === "string" ? id : undefined
  }))
}

const checkExpressions = (
  document: unknown,
  graphIsKnown: boolean,
  shapes: StepShapes,
  outputOf: OutputOf
): ReadonlyArray<ContractProblem> => {
  const graphs = isRecord(document) ? StepTree.graphsOf(document, shapes) : []
  const nodes = new Map(
    graphs.flatMap((graph) => graph.nodes).flatMap((node) =>
      typeof node.step["id"] === "string" ? [[node.step["id"], node] as const] : []
    )
  )
  const ids = new Set(nodes.keys())
  const edges = graphs.flatMap((graph) => ContractGraph.edgesIn(graph, shapes))
  const after = new Map<string, ReadonlySet<string>>()
  /** Whether `step` can run after `earlier`; both are in one graph. */
  const canFollow = (earlier: string, step: string): boolean => {
    let reached = after.get(earlier)
    if (reached === undefined) {
      const next = edges.flatMap(({ from, to }) => from === earlier && to !== null ? [to] : [])
      reached = ContractGraph.reachableFrom(next, edges)
      after.set(earlier, reached)
    }
    return reached.has(step)
  }
  /** Why an expression does not see the output of this step; undefined when it does. */
  const unseen = (id: string, place: Place): { readonly expected: string; readonly message: string } | undefined => {
    const { graph } = nodes.get(id)!
    const name = quoted(id)
    // What evaluates the expression, as the graph of the step sees it: a step beside it. What undoes a step sees what that came to.
    let undoes = false
    let beside = place.step
    let inside = place.graph
    while (inside !== undefined && inside !== graph) {
      const outer: unknown = inside.of?.node.step["id"]
      undoes ||= inside.of?.inner.label === StepShape.undo.label
      beside = typeof outer === "string" ? outer : undefined
      inside = inside.of?.node.graph
    }
    if (inside === undefined) {
      const holder = String(graph.of?.node.step["id"])
      return {
        expected: "the id of a step beside this one or around it",
        message: `the step ${name} is inside of ${quoted(holder)}; from here its results are in steps.${holder}.output`
      }
    }
    return beside === undefined || (undoes && beside === id) || canFollow(id, beside) ? undefined : {
      expected: "the id of a step that can run before this one",
      message: `the step ${name} never runs before this one, so it has no output here`
    }
  }

  /** The name at which an expression reads nothing of an output, whatever that is; undefined when there may be something. */
  const deadEnd = ({ path, step }: Expression.Compiled["outputs"][number]) => {
    const node = nodes.get(step)?.step
    const shape = node === undefined ? undefined : StepShape.of(shapes, node)?.check.output?.(node, outputOf)
    const names = path.map(({ name }) => name)
    const found = shape === undefined ? undefined : JsonShape.deadEnd(shape, names)
    if (found === undefined) return undefined
    const mention = path[found.index]!
    const holder = ["steps", step, "output", ...names.slice(0, found.index)].join(".")
    const expected = found.known.length === 0
      ? `no field, since ${holder} has none`
      : `a field of ${holder}, which has ${found.known.join(", ")}`
    return { mention, more: { expected, suggestion: didYouMean(mention.name, found.known) } }
  }

  const resolve = (
    place: Place,
    path: Path,
    offset: number,
    found: Expression.Compiled
  ): ReadonlyArray<ContractProblem> => {
    const problem = (
      mention: Expression.Mention,
      more: { expected: string; suggestion?: string | undefined; message?: string }
    ) =>
      Problem.make({
        path,
        code: "unknown-reference",
        found: mention.name,
        position: offset + mention.position,
        ...more
      })
    return [
      ...found.names.filter(({ name }) => !place.names.includes(name)).map((mention) =>
        problem(mention, {
          expected: `one of ${place.names.join(", ")}`,
          suggestion: didYouMean(mention.name, place.names)
        })
      ),
      ...found.lossyNumbers.map(({ name, position }) =>
        Problem.make({
          path,
          code: "lossy",
          position: offset + position,
          expected: "a number that stays what it says",
          message: `at character ${offset + position} of the expression: ${name}`
        })
      ),
      ...found.undefinedVariables.map(({ name, position }) => {
        const meant = didYouMean(name, Expression.functionNames)
        return problem({ name: `$${name}`, position }, {
          expected: "a JSONata function, or a variable that the expression defines",
          suggestion: meant === undefined ? undefined : `$${meant}`
        })
      }),
      ...(place.names.includes("steps") ? found.steps : []).flatMap((mention) => {
        if (!ids.has(mention.name)) {
          const hyphenated = [...ids].find((id) => id.startsWith(`${mention.name}-`))
          const suggestion = hyphenated === undefined ? didYouMean(mention.name, ids) : `\`${hyphenated}\``
          return [problem(mention, { expected: "the id of a step", suggestion })]
        }
        const why = graphIsKnown ? unseen(mention.name, place) : undefined
        return why === undefined ? [] : [problem(mention, why)]
      }),
      ...(place.names.includes("steps") ? found.outputs : []).flatMap((read) => {
        const found = deadEnd(read)
        return found === undefined ? [] : [problem(found.mention, found.more)]
      })
    ]
  }

  let left = maxExpressions
  return placesOf(document, graphs, shapes).flatMap((place) =>
    Expression.sourcesIn(place.value, place.whole, place.path).flatMap(({ offset, path, source }) => {
      if (--left < 0) {
        return left < -1 ? [] : [Problem.make({
          path,
          code: "too-large",
          found: "one more expression",
          expected: `at most ${maxExpressions} expressions in a contract`
        })]
      }
      if (Result.isFailure(source)) {
        return [Problem.make({
          path,
          code: "bad-expression",
          found: "{{",
          position: offset,
          expected: "a }} that closes it",
          message: `the {{ at character ${offset} is never closed by }}`
        })]
      }
      const compiled = Expression.compile(source.success)
      if (Result.isSuccess(compiled)) return resolve(place, path, offset, compiled.success)
      const position = offset + (compiled.failure.position ?? 0)
      return [Problem.make({
        path,
        code: "bad-expression",
        found: Problem.renderValue(source.success.trim()),
        position,
        expected: "a JSONata expression",
        message: `at character ${position} of the expression ${
          Problem.renderValue(source.success.trim())
        }: ${compiled.failure.detail}`
      })]
    })
  )
}

const quoted = (id: string): string => StoredJson.quote(id)

const fieldOf = (value: unknown, name: string): unknown => isRecord(value) ? StepShape.at(value, name) : undefined

const list = (value: unknown): ReadonlyArray<unknown> => Array.isArray(value) ? value.slice(0, 1000) : []
