/**
 * Checks the fields of a document one by one against the schemas, and tells
 * what it finds in the words of contracts.
 */
import * as Permission from "@fermata/core/Permission"
import * as StoredJson from "@fermata/core/StoredJson"
import { didYouMean } from "@fermata/core/Suggestion"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import type * as SchemaIssue from "effect/SchemaIssue"
import * as Contract from "../Contract.ts"
import * as Parts from "../ContractParts.ts"
import * as Problem from "../ContractProblem.ts"
import type { ContractProblem, Path } from "../ContractProblem.ts"
import * as StepShape from "../StepShape.ts"
import type { StepShapes } from "../StepShape.ts"
import { graphsOf } from "../StepTree.ts"

/** Problems of types, values and fields. Lists are decoded item by item, so that one bad item hides no other. */
export const check = (document: Record<string, unknown>, shapes: StepShapes): ReadonlyArray<ContractProblem> => [
  ...problemsOf(decodeHead(document), document, []),
  ...checkList(document, [], "triggers", "type", triggerDecoders, 100, 0),
  ...checkList(document, [], "permissions", "kind", permissionDecoders, 100, 0),
  ...graphsOf(document, shapes).flatMap(({ of, path }) => {
    const holder = StepShape.at(document, ...path)
    return of !== undefined && !isRecord(holder)
      ? []
      : checkList(holder, path, "steps", "kind", stepDecoders(shapes), Contract.bounds.steps, 1, decodeCommon)
  })
]

// ---------------------------------------------------------------- internal

const options: SchemaAST.ParseOptions = { errors: "all", onExcessProperty: "error" }

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
const decodeCommon = Schema.decodeUnknownResult(Schema.Struct(Parts.commonFields), { errors: "all" })
const triggerDecoders = decoders(Contract.triggerTypes)
const permissionDecoders = decoders(Permission.permissionKinds)

/** Steps inside a step are looked at one by one. */
const unlooked = Schema.Unknown as Parts.Steps

const decodersOfSteps = new WeakMap<StepShapes, ReadonlyMap<string, Decode>>()
const stepDecoders = (shapes: StepShapes): ReadonlyMap<string, Decode> => {
  const known = decodersOfSteps.get(shapes)
  if (known !== undefined) return known
  const made = new Map(
    shapes.map((
      shape
    ) => [
      shape.kind,
      Schema.decodeUnknownResult(StepShape.schemaOf(shape, unlooked), options)
    ])
  )
  decodersOfSteps.set(shapes, made)
  return made
}

type Decode = (input: unknown) => Result.Result<unknown, Schema.SchemaError>

const checkList = (
  holder: unknown,
  path: Path,
  name: string,
  tag: string,
  members: ReadonlyMap<string, Decode>,
  maximum: number,
  minimum: number,
  decodeRest?: Decode
): ReadonlyArray<ContractProblem> => {
  const list = StepShape.at(holder, name)
  if (list === undefined) return []
  if (!Array.isArray(list)) return [wrongType([...path, name], list, `a list of ${name}`)]
  const problems: Array<ContractProblem> = []
  if (list.length < minimum || list.length > maximum) {
    problems.push(Problem.make({
      path: [...path, name],
      code: "wrong-value",
      found: Problem.renderValue(list),
      expected: `from ${minimum} to ${maximum} ${name}`
    }))
  }
  list.slice(0, maximum).forEach((item: unknown, i) => {
    problems.push(...checkItem(item, [...path, name, i], tag, members, decodeRest))
  })
  return problems
}

const checkItem = (
  item: unknown,
  path: Path,
  tag: string,
  members: ReadonlyMap<string, Decode>,
  decodeRest: Decode | undefined
): ReadonlyArray<ContractProblem> => {
  if (!isRecord(item)) return [wrongType(path, item, "an object")]
  const kind = item[tag]
  const decode = typeof kind === "string" ? members.get(kind) : undefined
  if (decode !== undefined) return problemsOf(decode(item), item, path)
  const kinds = [...members.keys()]
  const suggestion = typeof kind === "string" ? didYouMean(kind, kinds) : undefined
  return [
    Problem.make({
      path: [...path, tag],
      code: kind === undefined ? "missing" : "unknown-kind",
      found: kind === undefined ? undefined : Problem.renderValue(kind),
      expected: `one of ${kinds.map((name) => StoredJson.quote(name)).join(", ")}`,
      suggestion
    }),
    ...(decodeRest === undefined ? [] : problemsOf(decodeRest(item), item, path))
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
      const inner = issue.path.reduce<unknown>(
        (value, key) => isObject(value) ? Reflect.get(value, key) : undefined,
        input
      )
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
      return [
        leaf("wrong-value", path, input, annotated(issue.filter.annotations) ?? saidBy(issue.issue) ?? "another value")
      ]
    case "MissingKey":
      return [Problem.make({ path, code: "missing", expected: expectedAt(path) })]
    case "UnexpectedKey": {
      const name = String(path.at(-1))
      return [Problem.make({
        path,
        code: "unknown-field",
        found: StoredJson.quote(name),
        expected: typeof fields === "object" ? `one of the fields ${fields.join(", ")}` : fields ?? "no such field",
        suggestion: typeof fields === "object" ? didYouMean(name, fields) : undefined
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

/** What a check says by itself, where it says more than its annotation could. */
const saidBy = (issue: SchemaIssue.Issue): string | undefined => {
  const message = issue._tag === "InvalidValue" ? issue.annotations?.["message"] : undefined
  return typeof message === "string" ? message : undefined
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
      return StoredJson.show(ast.literal)
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
      return StoredJson.quote(Contract.schemaVersion)
    case "version":
      return "a semantic version such as 1.0.0"
    case "approvers":
      return "a list of at least one approver"
    case "steps":
      return "a list of steps"
    default:
      return `a value for ${StoredJson.quote(name)}, which is required`
  }
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

/** Whether a value is an object as JSON has them. */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  isObject(value) && !Array.isArray(value) && [null, Object.prototype].includes(Object.getPrototypeOf(value))
