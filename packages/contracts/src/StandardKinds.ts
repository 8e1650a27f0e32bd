/**
 * The kinds of step that every build executes.
 *
 * Every executed step is one `Step` of the run under the id of the contract's
 * step (then `id~2`, `id~3`): `task` and `llm` work in its body; `branch` and
 * `transform` evaluate in it, so that what was decided stands in the journal;
 * `emit` checks in it and publishes after it; `wait` and `approval` wait before
 * it and record what came. Texts of `task`, `llm`, `emit` and `approval` are
 * rendered in the body of the workflow and recorded as the step's input. `call`
 * settles in a step inside it which run it starts.
 */
import { approvalKind } from "./kinds/ApprovalKind.ts"
import { branchKind } from "./kinds/BranchKind.ts"
import { callKind } from "./kinds/CallKind.ts"
import { delayKind } from "./kinds/DelayKind.ts"
import { emitKind } from "./kinds/EmitKind.ts"
import { llmKind } from "./kinds/LlmKind.ts"
import { mapKind } from "./kinds/MapKind.ts"
import { parallelKind } from "./kinds/ParallelKind.ts"
import { taskKind } from "./kinds/TaskKind.ts"
import { transformKind } from "./kinds/TransformKind.ts"
import { waitKind } from "./kinds/WaitKind.ts"
import type { StepKinds } from "./StepKind.ts"

/** How the standard step kinds run. */
export const standardKinds: StepKinds = [
  taskKind,
  llmKind,
  emitKind,
  waitKind,
  branchKind,
  transformKind,
  approvalKind,
  parallelKind,
  mapKind,
  delayKind,
  callKind
]
