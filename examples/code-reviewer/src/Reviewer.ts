/**
 * Two agents. One reads a file and says what is wrong with it. The other asks git
 * which files a change has, has the first look at each of them, and writes a report
 * into the repository once somebody has said yes to it.
 */
import * as FileTools from "@fermata/agent-node/FileTools"
import * as NodeSandbox from "@fermata/agent-node/NodeSandbox"
import * as ShellTools from "@fermata/agent-node/ShellTools"
import * as Workspace from "@fermata/agent-node/Workspace"
import * as Agent from "@fermata/agent/Agent"
import * as Policy from "@fermata/agent/Policy"
import { Layer, Schema } from "effect"
import { Toolkit } from "effect/ai"

export const Finding = Schema.Struct({ line: Schema.Int, problem: Schema.String })

export const FileReviewer = Agent.make("file-reviewer", {
  description: "Looks at one file and says what is wrong with it",
  instructions: "You review one file. Read it, and say what is wrong with it, with the numbers of the lines.",
  input: Schema.Struct({ path: Schema.String }),
  output: Schema.Struct({ path: Schema.String, findings: Schema.Array(Finding) }),
  // What reads in the workspace asks nobody.
  toolkit: Toolkit.make(FileTools.Read)
})

export const CodeReviewer = Agent.make("code-reviewer", {
  description: "Reviews a change, file by file, and writes a report",
  instructions:
    "You review a change of the repository. List its files with git diff --name-only, have each of them looked at, and write a report of what was found to REVIEW.md.",
  /** A range of commits, such as `main...login`; its end is what is checked out. */
  input: Schema.Struct({ change: Schema.String }),
  output: Schema.Struct({
    verdict: Schema.Literals(["fine", "needs work"]),
    findings: Schema.Int,
    /** The report; `null` where nobody wanted it written. */
    report: Schema.NullOr(Schema.String)
  }),
  // A diff that a crash cut short is made again, and a report is looked for: it is written, or it is not.
  toolkit: Toolkit.make(FileTools.Write, ShellTools.BashRereads),
  agents: [FileReviewer],
  policy: Policy.rules({ allow: ["Bash(git diff:*)"], approvers: ["maintainer"] })
})

/** Serves the runs of both on the repository in a folder; what is missing is models. */
export const reviewers = (root: string) => {
  const workspace = Workspace.layer({ root })
  // On a machine without bubblewrap `git diff` runs all the same, which is logged and told to the model.
  const sandbox = NodeSandbox.layer({ without: "allow" })
  const hands = Layer.provide(Layer.mergeAll(FileTools.layer, ShellTools.layer, sandbox), workspace)
  return {
    codeReviewer: Layer.provide(CodeReviewer.layer, hands),
    fileReviewer: Layer.provide(FileReviewer.layer, hands)
  }
}
