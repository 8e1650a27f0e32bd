/**
 * MCP servers as processes of their own, spoken to over their standard input and
 * output. One is started when a run first needs it, and again where it has died.
 */
import type { Limits, McpServer } from "@fermata/agent/mcp/McpServer"
import * as SecretRef from "@fermata/core/SecretRef"
import * as Secrets from "@fermata/engine/Secrets"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"

/** How a server is started. */
export interface Options extends Limits {
  readonly command: string
  readonly args?: ReadonlyArray<string>
  /**
   * Variables of its environment, beside the few that every process needs (`PATH`,
   * `HOME` and the like): it has none of the others of this process. What is a
   * secret is a reference to it.
   */
  readonly env?: Readonly<Record<string, string | SecretRef.SecretRef>>
  /** The folder in which it runs. */
  readonly cwd?: string
}

/** A server that is started with this command. */
export const server = (options: Options): McpServer => {
  const { args = [], command, cwd, env = {}, ...limits } = options
  return {
    ...limits,
    secrets: Object.values(env).flatMap((value) => SecretRef.is(value) ? [value.secret] : []),
    // Arguments may hold what nobody is to see.
    where: command,
    line: Effect.fnUntraced(function*() {
      const told: Array<readonly [string, Redacted.Redacted]> = []
      const variables: Record<string, string> = {}
      for (const [name, value] of Object.entries(env)) {
        if (typeof value === "string") {
          variables[name] = value
          continue
        }
        const text = yield* Secrets.resolve(value)
        told.push([value.secret, text])
        variables[name] = Redacted.value(text)
      }
      const { getDefaultEnvironment, StdioClientTransport } = yield* Effect.tryPromise(() =>
        import("@modelcontextprotocol/sdk/client/stdio.js")
      )
      const transport = new StdioClientTransport({
        command,
        args: [...args],
        env: { ...getDefaultEnvironment(), ...variables },
        stderr: "pipe",
        ...(cwd === undefined ? {} : { cwd })
      })
      let words = ""
      transport.stderr?.on("data", (chunk: Uint8Array) => {
        words = `${words}${decoder.decode(chunk)}`.slice(-mostWords)
      })
      let pid: number | null = null
      const start = transport.start.bind(transport)
      transport.start = async () => {
        await start()
        pid = transport.pid
      }
      return {
        transport,
        begin: Effect.forEach(told, ([name, text]) => Secrets.conceal(name, text), { discard: true }),
        lastWords: () => words,
        kill: () => {
          try {
            if (pid !== null) process.kill(pid, "SIGKILL")
          } catch {
            // It has ended meanwhile.
          }
        }
      }
    })
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The last characters of its standard error, of which only those are told who ask why it cannot be reached. */
const mostWords = 500

const decoder = new TextDecoder()
