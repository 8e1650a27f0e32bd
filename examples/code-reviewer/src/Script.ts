/** The scripted model: rules in place of a model, so that the example needs no key and answers the same every time. */
import type { ModelRequest } from "@fermata/agent/Model"
import * as Scripted from "@fermata/agent/model/Scripted"

const rules: ReadonlyArray<readonly [RegExp, string]> = [
  [/\beval\(/, "runs text from outside as code"],
  [/password\s*=\s*"/, "holds a password"],
  [/\bTODO\b/, "is not done"]
]

interface Reviewed {
  readonly path: string
  readonly findings: ReadonlyArray<{ readonly line: number; readonly problem: string }>
}

const reviewFile = (request: ModelRequest, turn: number): ReturnType<Scripted.Script> => {
  const { path } = JSON.parse(question(request)) as { readonly path: string }
  if (turn === 0) return [Scripted.call("Read", { file_path: path })]
  const [text] = results(request)
  const findings = String(text).split("\n").flatMap((line) =>
    rules.flatMap(([wrong, problem]) => wrong.test(line) ? [{ line: Number.parseInt(line), problem }] : [])
  )
  return JSON.stringify({ path, findings } satisfies Reviewed)
}

const reviewChange = (request: ModelRequest, turn: number): ReturnType<Scripted.Script> => {
  const { change } = JSON.parse(question(request)) as { readonly change: string }
  if (turn === 0) return [Scripted.call("Bash", { command: `git diff --name-only ${change}` })]
  const [diff, ...rest] = results(request)
  // Behind the names stands how the command ended.
  const files = String(diff).split("\n").filter((line) => line !== "" && !line.startsWith("["))
  if (turn === 1) {
    return [
      Scripted.text("I have each of them looked at."),
      ...files.map((path) => Scripted.call("file-reviewer", { path }))
    ]
  }
  const reviewed = rest.slice(0, files.length) as ReadonlyArray<Reviewed>
  const lines = reviewed.flatMap(({ findings, path }) =>
    findings.map(({ line, problem }) => `- ${path}:${line} ${problem}`)
  )
  if (turn === 2) {
    const content = ["# Review", "", ...(lines.length === 0 ? ["Nothing is wrong."] : lines), ""].join("\n")
    return [Scripted.call("Write", { file_path: "REVIEW.md", content })]
  }
  const written = rest[files.length]
  return JSON.stringify({
    verdict: lines.length === 0 ? "fine" : "needs work",
    findings: lines.length,
    // What does not say that it was written is why it was not.
    report: typeof written === "string" ? "REVIEW.md" : null
  })
}

/** What each of the two agents is answered. */
export const script: Scripted.Script = (request, turn) =>
  request.tools.some(({ name }) => name === "Write") ? reviewChange(request, turn) : reviewFile(request, turn)

const question = ({ prompt }: ModelRequest): string =>
  prompt.content.flatMap((message) =>
    message.role === "user" ? message.content.flatMap((part) => part.type === "text" ? [part.text] : []) : []
  )[0] ?? ""

/** What tools gave, in the order of their calls. */
const results = ({ prompt }: ModelRequest): ReadonlyArray<unknown> =>
  prompt.content.flatMap((message) =>
    message.role === "tool"
      ? message.content.flatMap((part) => part.type === "tool-result" ? [part.result] : [])
      : []
  )
