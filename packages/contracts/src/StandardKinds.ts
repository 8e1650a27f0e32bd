/**
 * The kinds of step that every build executes.
 *
 * Every executed step is one `Step` of the run under the id of the contract's
 * step (then `id~2`, `id~3`): `task`, `llm` and `http` work in its body; `branch` and
 * `transform` evaluate in it, so that what was decided stands in the journal;
 * `emit` checks in it and publishes after it; `wait` and `approval` wait before
 * it and record what came. Texts of `task`, `llm`, `http`, `emit` and `approval` are
 * rendered in the body of the workflow and recorded as the step's input. `call`
 * settles in a step inside it which run it starts.
 */
import { approvalKind } from "./internal/kinds/ApprovalKind.ts"
import { branchKind } from "./internal/kinds/BranchKind.ts"
import { callKind } from "./internal/kinds/CallKind.ts"
import { delayKind } from "./internal/kinds/DelayKind.ts"
import { emitKind } from "./internal/kinds/EmitKind.ts"
import { httpKind } from "./internal/kinds/HttpKind.ts"
import { llmKind } from "./internal/kinds/LlmKind.ts"
import { mapKind } from "./internal/kinds/MapKind.ts"
import { parallelKind } from "./internal/kinds/ParallelKind.ts"
import { taskKind } from "./internal/kinds/TaskKind.ts"
import { transformKind } from "./internal/kinds/TransformKind.ts"
import { waitKind } from "./internal/kinds/WaitKind.ts"
import type { StepKinds } from "./StepKind.ts"

/** How the standard step kinds run. */
export const standardKinds: StepKinds = [
  taskKind,
  llmKind,
  httpKind,
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
