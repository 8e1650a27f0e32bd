/**
 * `npm start`: ticket triage on the sample ticket, through the real command.
 *
 * Every start is a run of its own. On a terminal the approval is asked in place. Elsewhere the
 * run is left waiting, and the commands that make it go on are printed.
 */
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const person = "admin"
const suspended = 3

const interactive = process.stdin.isTTY && process.stderr.isTTY

console.error(`Ticket triage: T-123, "Bug in login flow", started as ${person}.

The model is scripted. Its answers are rules in examples/ticket-triage/src/Script.ts: no key is needed, and
nothing leaves this machine. The workflow is examples/ticket-triage/contract.json.
`)

const child = spawn(process.execPath, [
  "packages/cli/src/bin.ts",
  "run",
  "examples/ticket-triage/contract.json",
  "--event",
  "@examples/ticket-triage/ticket.json",
  "--as",
  person,
  "--json"
], { cwd: root, stdio: [interactive ? "inherit" : "ignore", "pipe", "inherit"] })

let printed = ""
child.stdout.setEncoding("utf8").on("data", (text: string) => void (printed += text))

// Ctrl-C reaches the command by itself, and it says how it ends.
process.on("SIGINT", () => {})

child.on("close", (code) => {
  console.log(next(printed))
  process.exitCode = code === suspended ? 0 : code ?? 1
})

/** How to go on with the run that the command has told of as JSON. */
const next = (json: string): string => {
  const { runId, status } = read(json)
  if (runId === undefined) return json
  const look = `To look at it:

  npx fermata runs show ${runId}
  npx fermata runs journal ${runId}`
  return status !== "suspended" ? `\n${look}` : `
The run waits for a person. It does so for a day, whether this machine is on or off. To go on, one of these:

  npx fermata approvals approve ${runId} --as ${person}
  npx fermata approvals deny ${runId} --as ${person}

${look}`
}

interface Told {
  readonly runId?: string
  readonly status?: string
}

const read = (json: string): Told => {
  try {
    return JSON.parse(json) as Told
  } catch {
    return {}
  }
}
