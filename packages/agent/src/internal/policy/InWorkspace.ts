/** A policy that is told which folder the tools of the process work in. */
import type { Policy } from "../../Policy.ts"

/** The policy for calls in this folder; the policy itself where the process names none. */
export const of = (policy: Policy, workspace: string | undefined): Policy =>
  workspace === undefined
    ? policy
    : Object.assign(
      (call: Parameters<Policy>[0]) => policy({ ...call, workspace }),
      policy.unreadable === undefined ? {} : { unreadable: policy.unreadable }
    )
