/**
 * What a document may say in one kind of step, and what follows from it, as one
 * value: the fields with their words, the check, what the step needs, and its
 * place in the graph. Everything that reads a contract goes by a list of these,
 * which it is handed, and knows no kind by name.
 *
 * Checks and drawings also look at broken documents, so what they are given is
 * a `Loose` step: any record.
 */
import type * as Permission from "@fermata/core/Permission"
import * as Schema from "effect/Schema"
import * as Parts from "./ContractParts.ts"
import type { ContractProblem, Path } from "./ContractProblem.ts"
import type { JsonShape } from "./JsonShape.ts"

/** A step as it stands in a document that may be broken. */
export type Loose = Readonly<Record<string, unknown>>

/** A step of any kind, with its defaults filled in. */
export type AnyStep = Parts.AnyStep

/** A field that holds expressions. */
export interface ExpressionPlace {
  /** Where it is in the step. */
  readonly path: Path
  /** Whether the text is one expression, with or without braces; else every string in the value is a template. */
  readonly whole?: boolean
  /** Names in scope beside those that every step sees. */
  readonly names?: ReadonlyArray<string>
}

/** A way out of a step. */
export interface Way {
  /** When it is taken; empty for the plain `next`. */
  readonly label: string
  /** The field that holds the id of the next step, or null. */
  readonly path: Path
}

/** A graph of steps inside a step. */
export interface InnerGraph {
  /** Where it is in the step: the object that holds `steps`. */
  readonly path: Path
  /** What stands for it, in drawings and in keys. */
  readonly label: string
  /** Names that its steps see beside those that the step sees. */
  readonly names: ReadonlyArray<string>
}

/** What a step will ask of the policy, and the field that says so. */
export interface Ask {
  readonly request: Permission.Request
  readonly field: string
}

/** A workflow that a step runs; the newest version when it names none. */
export interface Call {
  readonly workflow: string
  readonly version?: string | undefined
}

/** What a workflow comes to, where that is known. */
export type OutputOf = (call: Call) => JsonShape | undefined

/** What a step needs, of its process and from outside. */
export interface StepNeeds {
  /** Names of tasks that the process must have a handler for. */
  readonly tasks?: ReadonlyArray<string>
  /** Whether the process must have a model. */
  readonly model?: boolean
  /** Names of services that the process must be able to ask over HTTP. */
  readonly services?: ReadonlyArray<string>
  /** The events that it waits for, each with the condition that it puts. */
  readonly events?: ReadonlyArray<{ readonly event: string; readonly where?: string | undefined }>
  /** Whether somebody outside may say that it is done. */
  readonly completion?: boolean
  /** The workflows that it runs, by their names. */
  readonly calls?: ReadonlyArray<Call>
  /** The agents among these workflows. */
  readonly agents?: ReadonlyArray<string>
  /** Whether it writes into the state of the run. */
  readonly writesState?: boolean
}

/** The words of a kind: `kind` says what it does, every other entry what its field means. */
export type Words<Fields> = { readonly [Name in Exclude<keyof Fields, keyof Parts.CommonFields>]: string } & {
  readonly kind: string
}

/** What a document may say in a step of one kind, of whichever. */
export interface AnyShape {
  readonly kind: string
  readonly schema: {
    /** The fields beside `kind` and those that every step has. A kind that holds steps is given the schema of a list of them. */
    readonly fields: Parts.Fields | ((steps: Parts.Steps) => Parts.Fields)
    readonly words: Readonly<Record<string, string>>
  }
  readonly check: {
    /** The fields whose values hold expressions. */
    readonly expressions: (step: Loose) => ReadonlyArray<ExpressionPlace>
    /** What the contract must permit; undefined for nothing. */
    readonly asks?: (step: Loose) => Ask | undefined
    /** Mistakes that neither the fields nor the graph show. `path` leads to the step. */
    readonly problems?: (step: Loose, path: Path) => ReadonlyArray<ContractProblem>
    /** How long (ms) it may wait, where the document says so. A run that is stopped before has waited for nothing. */
    readonly waits?: (step: Loose) => ReadonlyArray<{ readonly path: Path; readonly millis: number }>
    /** What its output looks like, as far as that is known; what other steps read of it is checked by that. */
    readonly output?: (step: Loose, outputOf: OutputOf) => JsonShape | undefined
  }
  needs(step: AnyStep): StepNeeds
  readonly graph: {
    /** The brackets around its node in Mermaid. */
    readonly brackets: readonly [string, string]
    readonly ways: (step: Loose) => ReadonlyArray<Way>
    /** The graphs inside the step; none when absent. */
    readonly inside?: (step: Loose) => ReadonlyArray<InnerGraph>
  }
}

/** The same, with the types of its fields. */
export interface StepShape<Kind extends string, Fields extends Parts.Fields>
  extends Omit<AnyShape, "kind" | "schema" | "needs">
{
  readonly kind: Kind
  readonly schema: {
    readonly fields: Fields | ((steps: Parts.Steps) => Fields)
    readonly words: Words<Fields>
  }
  needs(step: StepOf<Kind, Fields>): StepNeeds
}

/** A step of this kind. */
export type StepOf<Kind extends string, Fields extends Parts.Fields> = Schema.Struct<
  Parts.CommonFields & { readonly kind: Schema.Literal<Kind> } & Fields
>["Type"]

/** The kinds that a document may use. */
export type StepShapes = ReadonlyArray<AnyShape>

/** Makes a shape, with the types of its fields. */
export const make = <const Kind extends string, const Fields extends Parts.Fields>(
  shape: StepShape<Kind, Fields>
): StepShape<Kind, Fields> => shape

/** The schema of a step of this kind; `steps` is that of the steps inside it. */
export const schemaOf = <Kind extends string, Fields extends Parts.Fields>(
  { kind, schema: { fields } }: {
    readonly kind: Kind
    readonly schema: { readonly fields: Fields | ((steps: Parts.Steps) => Fields) }
  },
  steps: Parts.Steps
): Schema.Struct<Parts.CommonFields & { readonly kind: Schema.Literal<Kind> } & Fields> =>
  Schema.Struct({
    ...Parts.commonFieldsOf(steps),
    kind: Schema.Literal(kind),
    ...(typeof fields === "function" ? fields(steps) : fields)
  })

/** The shape of a step's kind, if it is one of these. */
export const of = (shapes: StepShapes, step: Loose | AnyStep): AnyShape | undefined =>
  shapes.find(({ kind }) => kind === step.kind)

/** What a step needs; nothing where its kind is none of these. */
export const needsOf = (shapes: StepShapes, step: AnyStep): StepNeeds => of(shapes, step)?.needs(step) ?? {}

/** The graphs inside a step that may be broken. */
export const insideOf = (shapes: StepShapes, step: Loose | AnyStep): ReadonlyArray<InnerGraph> =>
  (of(shapes, step)?.graph.inside?.(step as Loose) ?? []).concat(at(step, "undo") === undefined ? [] : [undo])

/** The graph of steps that undoes what a step has done. */
export const undo: InnerGraph = { path: ["undo"], label: "undo", names: [] }

/** The way on of the kinds that have one. */
export const next: Way = { label: "", path: ["next"] }

/** The field at a path; undefined where it leads nowhere. */
export const at = (value: unknown, ...path: Path): unknown =>
  path.reduce<unknown>(
    (inner, key) =>
      typeof inner === "object" && inner !== null && Object.hasOwn(inner, key) ? Reflect.get(inner, key) : undefined,
    value
  )
/** How long a step waits that has a `timeout` of so many `ms`. */
export const timeout = (step: Loose): ReadonlyArray<{ readonly path: Path; readonly millis: number }> => {
  const millis = at(step, "timeout", "ms")
  return typeof millis === "number" ? [{ path: ["timeout", "ms"], millis }] : []
}
