/**
 * Two agents. One looks at a file and says what is wrong with it. The other has
 * it look at each file of a change, writes a report, and publishes that once
 * somebody has said yes to it.
 */
import * as Agent from "@fermata/agent/Agent"
import * as AgentTool from "@fermata/agent/AgentTool"
import * as Policy from "@fermata/agent/Policy"
import { Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { Repository } from "./Repository.ts"

export const Finding = Schema.Struct({ line: Schema.Int, problem: Schema.String })

const reads = AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" })

const ReadFile = Tool.make("ReadFile", {
  description: "The text of a file of the change, with numbers before its lines",
  parameters: Schema.Struct({ path: Schema.String }),
  success: Schema.String
}).annotateMerge(reads)

const ListFiles = Tool.make("ListFiles", {
  description: "The paths of the files of a change",
  parameters: Schema.Struct({ change: Schema.String }),
  success: Schema.Array(Schema.String)
}).annotateMerge(reads)

// It writes, so people are asked. A call that a crash cut short is made again under its key, which the repository knows.
const Publish = Tool.make("Publish", {
  description: "Publishes a report where everybody reads it; gives its address",
  parameters: Schema.Struct({ change: Schema.String, report: Schema.String }),
  success: Schema.String
}).annotateMerge(AgentTool.rules({ onCrash: "rerun-keyed", permission: "write" }))

const fileKit = Toolkit.make(ReadFile)
const changeKit = Toolkit.make(ListFiles, Publish)

export const FileReviewer = Agent.make("file-reviewer", {
  description: "Looks at one file and says what is wrong with it",
  instructions: "You review one file. Read it, and say what is wrong with it, with the numbers of the lines.",
  input: Schema.Struct({ path: Schema.String }),
  output: Schema.Struct({ path: Schema.String, findings: Schema.Array(Finding) }),
  toolkit: fileKit
})

export const CodeReviewer = Agent.make("code-reviewer", {
  description: "Reviews a change, file by file, and publishes a report",
  instructions: "You review a change. Have each of its files looked at, and publish a report of what was found.",
  input: Schema.Struct({ change: Schema.String }),
  output: Schema.Struct({
    verdict: Schema.Literals(["fine", "needs work"]),
    findings: Schema.Int,
    /** The address of the report; `null` where nobody wanted it published. */
    published: Schema.NullOr(Schema.String)
  }),
  toolkit: changeKit,
  agents: [FileReviewer],
  policy: Policy.rules({ approvers: ["maintainer"] })
})

const fileHandlers = fileKit.toLayer(Effect.map(Repository, ({ read }) => ({ ReadFile: ({ path }) => read(path) })))

const changeHandlers = changeKit.toLayer(Effect.map(Repository, ({ files, publish }) => ({
  ListFiles: ({ change }) => files(change),
  Publish: ({ change, report }) =>
    Effect.flatMap(AgentTool.call, ({ idempotencyKey }) => publish(change, report, idempotencyKey))
})))

/** Serves the runs of both; what is missing is a repository, and models. */
export const fileReviewer = Layer.provide(FileReviewer.layer, fileHandlers)
export const codeReviewer = Layer.provide(CodeReviewer.layer, changeHandlers)
