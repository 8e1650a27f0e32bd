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
  if (turn === 0) return [Scripted.call("ReadFile", { path })]
  const [text] = results(request)
  const findings = String(text).split("\n").flatMap((line) =>
    rules.flatMap(([wrong, problem]) => wrong.test(line) ? [{ line: Number.parseInt(line), problem }] : [])
  )
  return JSON.stringify({ path, findings } satisfies Reviewed)
}

const reviewChange = (request: ModelRequest, turn: number): ReturnType<Scripted.Script> => {
  const { change } = JSON.parse(question(request)) as { readonly change: string }
  if (turn === 0) return [Scripted.call("ListFiles", { change })]
  const [paths, ...rest] = results(request)
  const files = paths as ReadonlyArray<string>
  if (turn === 1) {
    return [
      Scripted.text("I have each of them looked at."),
      ...files.map((path) => Scripted.call("file-reviewer", { path }))
    ]
  }
  const reviewed = rest.slice(0, files.length) as ReadonlyArray<Reviewed>
  const lines = reviewed.flatMap(({ findings, path }) =>
    findings.map(({ line, problem }) => `${path}:${line} ${problem}`)
  )
  if (turn === 2) {
    return [Scripted.call("Publish", { change, report: lines.length === 0 ? "Nothing is wrong." : lines.join("\n") })]
  }
  const address = rest[files.length]
  return JSON.stringify({
    verdict: lines.length === 0 ? "fine" : "needs work",
    findings: lines.length,
    // What is no address is why there is none.
    published: typeof address === "string" ? address : null
  })
}

/** What each of the two agents is answered. */
export const script: Scripted.Script = (request, turn) =>
  request.tools.some(({ name }) => name === "Publish") ? reviewChange(request, turn) : reviewFile(request, turn)

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
