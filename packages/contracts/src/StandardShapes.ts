/** The kinds of step that every build reads. */
import { approval } from "./internal/kinds/Approval.ts"
import { branch } from "./internal/kinds/Branch.ts"
import { call } from "./internal/kinds/Call.ts"
import { delay } from "./internal/kinds/Delay.ts"
import { emit } from "./internal/kinds/Emit.ts"
import { http } from "./internal/kinds/Http.ts"
import { llm } from "./internal/kinds/Llm.ts"
import { map } from "./internal/kinds/Map.ts"
import { parallel } from "./internal/kinds/Parallel.ts"
import { task } from "./internal/kinds/Task.ts"
import { transform } from "./internal/kinds/Transform.ts"
import { wait } from "./internal/kinds/Wait.ts"
import type { StepOf, StepShape, StepShapes } from "./StepShape.ts"

/** The step kinds that every contract may use. */
export const standardShapes = [
  task,
  llm,
  http,
  emit,
  wait,
  branch,
  transform,
  approval,
  parallel,
  map,
  delay,
  call
] as const satisfies StepShapes

type Shape = (typeof standardShapes)[number]
/** The name of a standard kind. */
export type StandardKind = Shape["kind"]
type FieldsOf<S extends Shape> = S extends StepShape<string, infer Fields> ? Fields : never
/** A step of a standard kind. */
export type StandardStep<Kind extends StandardKind> = StepOf<Kind, FieldsOf<Extract<Shape, { readonly kind: Kind }>>>
