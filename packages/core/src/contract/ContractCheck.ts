/**
 * Checks a document against everything that needs no expression engine, and
 * reports every mistake at once: fields and values first, then the graph, the
 * permissions and the limits, as far as the broken document allows.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import type * as SchemaIssue from "effect/SchemaIssue"
import * as EventName from "../EventName.ts"
import * as Policy from "../Policy.ts"
import * as Contract from "./Contract.ts"
import * as ContractGraph from "./ContractGraph.ts"
import * as Problem from "./ContractProblem.ts"
import type { ContractProblem, Path } from "./ContractProblem.ts"

/** The outcome of a check. `contract` is there exactly when there are no problems. */
export interface Checked {
  readonly contract?: Contract.Contract
  readonly problems: ReadonlyArray<ContractProblem>
}

/** Most problems that one check reports. */
export const maxProblems = 500

/** Checks a parsed JSON document. Never throws, whatever the value. */
export const check = (document: unknown): Checked => {
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
  const problems = [...checkFields(document), ...checkGraph(document), ...checkPermissions(document)]
  if (problems.length === 0) return { contract: decodeContract(document), problems }
  if (problems.length <= maxProblems) return { problems }
  return {
    problems: [
      ...problems.slice(0, maxProblems),
      Problem.make({
        path: [],
        code: "too-many-problems",
        found: `${problems.length} problems`,
        expected: "fewer mistakes; only the first ones are listed"
      })
    ]
  }
}

/** Checks a JSON text. A text that is no JSON is one problem. */
export const checkText = (text: string): Checked => {
  if (text.length > Contract.bounds.bytes) return { problems: [tooLarge] }
  const parsed = parse(text)
  if (Result.isSuccess(parsed)) return check(parsed.success)
  return {
    problems: [Problem.make({
      path: [],
      code: "not-json",
      expected: "a JSON text",
      message: `this is not JSON: ${parsed.failure}`
    })]
  }
}

// ------------------------------------------------------------ fields, values

const options: SchemaAST.ParseOptions = { errors: "all", onExcessProperty: "error" }
const decodeContract = Schema.decodeUnknownSync(Contract.Contract)

const decoders = <const Kinds extends Record<string, Schema.ConstraintDecoder<unknown>>>(kinds: Kinds) =>
  new Map(Object.entries(kinds).map(([kind, schema]) => [kind, Schema.decodeUnknownResult(schema, options)]))

const decodeHead = Schema.decodeUnknownResult(
  Schema.Struct({
    ...Contract.headFields,
    triggers: Schema.optionalKey(Schema.Unknown),
    permissions: Schema.optionalKey(Schema.Unknown),
    steps: Schema.Unknown
  }),
  options
)
/** What any step has, for steps of an unknown kind. */
const decodeCommon = Schema.decodeUnknownResult(Schema.Struct(Contract.commonFields), { errors: "all" })
const stepDecoders = decoders(Contract.stepKinds)
const triggerDecoders = decoders(Contract.triggerTypes)
const permissionDecoders = decoders(Policy.permissionKinds)

type Decode = (input: unknown) => Result.Result<unknown, Schema.SchemaError>

/** Problems of types, values and fields. Lists are decoded item by item, so that one bad item hides no other. */
const checkFields = (document: Record<string, unknown>): ReadonlyArray<ContractProblem> => [
  ...problemsOf(decodeHead(document), document, []),
  ...checkList(document, "triggers", "type", triggerDecoders, 100, 0),
  ...checkList(document, "permissions", "kind", permissionDecoders, 100, 0),
  ...checkList(document, "steps", "kind", stepDecoders, Contract.bounds.steps, 1)
]

const checkList = (
  document: Record<string, unknown>,
  name: string,
  tag: string,
  members: ReadonlyMap<string, Decode>,
  maximum: number,
  minimum: number
): ReadonlyArray<ContractProblem> => {
  const list = document[name]
  if (list === undefined) return []
  if (!Array.isArray(list)) return [wrongType([name], list, `a list of ${name}`)]
  const problems: Array<ContractProblem> = []
  if (list.length < minimum || list.length > maximum) {
    problems.push(Problem.make({
      path: [name],
      code: "wrong-value",
      found: Problem.renderValue(list),
      expected: `from ${minimum} to ${maximum} ${name}`
    }))
  }
  list.slice(0, maximum).forEach((item: unknown, i) => {
    problems.push(...checkItem(item, [name, i], tag, members))
  })
  return problems
}

const checkItem = (
  item: unknown,
  path: Path,
  tag: string,
  members: ReadonlyMap<string, Decode>
): ReadonlyArray<ContractProblem> => {
  if (!isRecord(item)) return [wrongType(path, item, "an object")]
  const kind = item[tag]
  const decode = typeof kind === "string" ? members.get(kind) : undefined
  if (decode !== undefined) return problemsOf(decode(item), item, path)
  const kinds = [...members.keys()]
  const suggestion = typeof kind === "string" ? Problem.didYouMean(kind, kinds) : undefined
  return [
    Problem.make({
      path: [...path, tag],
      code: kind === undefined ? "missing" : "unknown-kind",
      found: kind === undefined ? undefined : Problem.renderValue(kind),
      expected: `one of ${kinds.map((name) => JSON.stringify(name)).join(", ")}`,
      suggestion
    }),
    ...(members === stepDecoders ? problemsOf(decodeCommon(item), item, path) : [])
  ]
}

const wrongType = (path: Path, value: unknown, expected: string): ContractProblem =>
  Problem.make({ path, code: "wrong-type", found: Problem.renderValue(value), expected })

const problemsOf = (
  result: Result.Result<unknown, Schema.SchemaError>,
  input: unknown,
  path: Path
): ReadonlyArray<ContractProblem> =>
  Result.isSuccess(result) ? [] : deduplicate(fromIssue(result.failure.issue, input, path, undefined))

/** One problem per path: several checks of one value failed for one reason. */
const deduplicate = (problems: ReadonlyArray<ContractProblem>): ReadonlyArray<ContractProblem> => {
  const seen = new Set<string>()
  return problems.filter(({ path }) => !seen.has(path) && seen.add(path))
}

/** Flattens an issue; `fields` are the names that are allowed where the issue is, or what they must look like. */
const fromIssue = (
  issue: SchemaIssue.Issue,
  input: unknown,
  path: Path,
  fields: ReadonlyArray<string> | string | undefined
): ReadonlyArray<ContractProblem> => {
  switch (issue._tag) {
    case "Pointer": {
      const inner = issue.path.reduce<unknown>((value, key) => isObject(value) ? Reflect.get(value, key) : undefined, input)
      return fromIssue(issue.issue, inner, [...path, ...issue.path], fields)
    }
    case "Composite":
      return issue.issues.flatMap((inner) => fromIssue(inner, input, path, fieldsOf(issue.ast)))
    case "AnyOf":
      return issue.issues.length === 1 && issue.issues[0]?._tag === "Composite"
        ? fromIssue(issue.issues[0], input, path, fields)
        : [leaf("wrong-value", path, input, expectedBy(issue.ast))]
    case "Encoding":
      return fromIssue(issue.issue, input, path, fields)
    case "Filter":
      return [leaf("wrong-value", path, input, annotated(issue.filter.annotations) ?? "another value")]
    case "MissingKey":
      return [Problem.make({ path, code: "missing", expected: expectedAt(path) })]
    case "UnexpectedKey": {
      const name = String(path.at(-1))
      return [Problem.make({
        path,
        code: "unknown-field",
        found: JSON.stringify(name),
        expected: typeof fields === "object" ? `one of the fields ${fields.join(", ")}` : fields ?? "no such field",
        suggestion: typeof fields === "object" ? Problem.didYouMean(name, fields) : undefined
      })]
    }
    case "InvalidType":
      return [leaf("wrong-type", path, input, expectedBy(issue.ast))]
    default:
      return [leaf("wrong-value", path, input, "another value")]
  }
}

const leaf = (code: "wrong-type" | "wrong-value", path: Path, input: unknown, expected: string): ContractProblem =>
  Problem.make({ path, code, found: Problem.renderValue(input), expected })

const annotated = (annotations: { readonly [key: string]: unknown } | undefined): string | undefined => {
  const expected = annotations?.["expected"]
  return typeof expected === "string" ? expected : undefined
}

/** What a schema stands for, in words. */
const expectedBy = (ast: SchemaAST.AST): string => {
  const said = annotated(ast.annotations)
  if (said !== undefined) return said
  switch (ast._tag) {
    case "String":
      return "a text"
    case "Number":
      return "a number"
    case "Boolean":
      return "true or false"
    case "Objects":
      return "an object"
    case "Arrays":
      return "a list"
    case "Null":
      return "null"
    case "Literal":
      return JSON.stringify(ast.literal)
    case "Union":
      return ast.types.map(expectedBy).join(" or ")
    default:
      return "a JSON value"
  }
}

const fieldsOf = (ast: SchemaAST.AST): ReadonlyArray<string> | string | undefined => {
  if (ast._tag !== "Objects") return undefined
  const names = ast.indexSignatures[0]?.parameter
  return names === undefined
    ? ast.propertySignatures.map(({ name }) => String(name))
    : annotated(names.checks?.at(-1)?.annotations)
}

/** What the most forgotten fields are for. */
const expectedAt = (path: Path): string => {
  const name = String(path.at(-1))
  switch (name) {
    case "next":
    case "default":
    case "nextOnApproved":
    case "nextOnDenied":
      return "the id of a step, or null to end the run"
    case "schemaVersion":
      return JSON.stringify(Contract.schemaVersion)
    case "version":
      return "a semantic version such as 1.0.0"
    case "approvers":
      return "a list of at least one approver"
    case "steps":
      return "a list of steps"
    default:
      return `a value for ${JSON.stringify(name)}, which is required`
  }
}

// --------------------------------------------------------------------- graph

const checkGraph = (document: Record<string, unknown>): ReadonlyArray<ContractProblem> => {
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
      found: JSON.stringify(id),
      expected: "an id that no other step has",
      message: `the id ${JSON.stringify(id)} is already used by steps[${first}]`
    }))
  })

  // A misspelt target counts as the step that was meant, and a step that does not say what follows as
  // going on to the one below it, so that one mistake is one problem.
  const ways = steps.flatMap((step, i) => {
    const said = ContractGraph.edgesOf(step, i)
    const below = steps[i + 1]?.["id"]
    if (typeof step["id"] === "string" && typeof below === "string" && said.every(({ label }) => label === "error")) {
      return [...said, { from: step["id"], to: below, label: "", path: [] }]
    }
    return said
  }).map((edge) => {
    if (edge.to === null || places.has(edge.to)) return edge
    const suggestion = Problem.didYouMean(edge.to, places.keys())
    problems.push(unknownStep(edge.path, edge.to, suggestion))
    return { ...edge, to: suggestion ?? null }
  })

  const entry = document["entryStepId"]
  if (typeof entry !== "string" || places.size === 0) return problems
  if (!places.has(entry)) problems.push(unknownStep(["entryStepId"], entry, Problem.didYouMean(entry, places.keys())))
  const start = places.has(entry) ? entry : Problem.didYouMean(entry, places.keys())
  if (start === undefined) return problems
  const seen = ContractGraph.reachableFrom(start, ways)
  for (const [id, i] of places) {
    if (seen.has(id)) continue
    problems.push(Problem.make({
      path: ["steps", i],
      code: "unreachable-step",
      found: JSON.stringify(id),
      expected: "a step that some way leads to",
      message: `no way leads from the first step ${JSON.stringify(start)} to ${JSON.stringify(id)}`
    }))
  }
  return problems
}

const unknownStep = (path: Path, id: string, suggestion: string | undefined): ContractProblem =>
  Problem.make({
    path,
    code: "unknown-step",
    found: JSON.stringify(id),
    expected: path.at(-1) === "entryStepId" ? "the id of a step" : "the id of a step, or null to end the run",
    suggestion
  })

// --------------------------------------------------------------- permissions

const decodePermission = Schema.decodeUnknownResult(Policy.Permission)

const checkPermissions = (document: Record<string, unknown>): ReadonlyArray<ContractProblem> => {
  const listed = document["permissions"]
  const permissions = (Array.isArray(listed) ? listed : [])
    .map((item: unknown) => decodePermission(item))
    .filter(Result.isSuccess)
    .map(({ success }) => success)
  return stepsOf(document).flatMap((step, i) => {
    const asked = requestOf(step)
    if (asked === undefined) return []
    const [request, field] = asked
    const answer = Policy.decide(permissions, request)
    if (answer.decision === "allow") return []
    const reserved = request.kind === "event:emit" && EventName.isReserved(request.event)
    return [Problem.make({
      path: ["steps", i, field],
      code: reserved ? "reserved-event" : "missing-permission",
      found: Problem.renderValue(step[field]),
      expected: reserved
        ? "an event that does not begin with \"engine.\""
        : `the permission ${JSON.stringify(Policy.grantFor(request))} in permissions`,
      message: reserved ? answer.reason : `${answer.reason}; add ${JSON.stringify(Policy.grantFor(request))} to permissions`
    })]
  })
}

/** What a step will ask of the policy, and the field that says so. */
const requestOf = (step: Record<string, unknown>): readonly [Policy.Request, string] | undefined => {
  switch (step["kind"]) {
    case "emit":
      return typeof step["event"] === "string" ? [{ kind: "event:emit", event: step["event"] }, "event"] : undefined
    case "llm":
      if (typeof step["model"] !== "string") return [{ kind: "llm:invoke" }, "kind"]
      // Which model a template yields is known, and asked about, only when the step runs.
      return step["model"].includes("{{") ? undefined : [{ kind: "llm:invoke", model: step["model"] }, "model"]
    case "task":
      return typeof step["task"] === "string" ? [{ kind: "task:run", task: step["task"] }, "task"] : undefined
    default:
      return undefined
  }
}

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

const parse = (text: string): Result.Result<unknown, string> =>
  Result.try({
    try: (): unknown => JSON.parse(text),
    catch: (cause) => cause instanceof Error ? cause.message : String(cause)
  })

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

const isRecord = (value: unknown): value is Record<string, unknown> =>
  isObject(value) && !Array.isArray(value) && [null, Object.prototype].includes(Object.getPrototypeOf(value))

const stepsOf = (document: Record<string, unknown>): ReadonlyArray<Record<string, unknown>> => {
  const steps = document["steps"]
  return Array.isArray(steps)
    ? steps.slice(0, Contract.bounds.steps).map((step: unknown) => isRecord(step) ? step : {})
    : []
}
