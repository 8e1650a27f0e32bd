/** The options that say of which runs a rule is. */
import { endedStatuses, type RetentionScope } from "@fermata/core/Retention"
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"
import * as Arguments from "../Arguments.ts"

/** Of which runs. The tenant is that of `--tenant`. */
export const flags = {
  workflow: Arguments.text("workflow", "NAME", "Runs of this workflow; without it those of every one"),
  status: Flag.Literals("status", endedStatuses).pipe(
    Flag.withDescription("Runs that ended so; without it all that have ended"),
    Flag.optional
  )
}

interface Given {
  readonly workflow: Option.Option<string>
  readonly status: Option.Option<(typeof endedStatuses)[number]>
}

/** What the options say. */
export const of = ({ status, workflow }: Given): RetentionScope => ({
  ...(Option.isSome(workflow) ? { workflow: workflow.value } : {}),
  ...(Option.isSome(status) ? { status: status.value } : {})
})
