/**
 * A place in which commands of an agent run, apart from the machine: a capability
 * of the process that tools require (`AgentTool.requires`). What keeps it apart is
 * said by whoever brings it, such as `NodeSandbox` of `@fermata/agent-node`.
 *
 * @example
 * ```ts
 * const Count = AgentTool.requires(
 *   Tool.make("Count", { parameters: Schema.Struct({ path: Schema.String }), success: Schema.String }),
 *   Sandbox
 * )
 * const handlers = Toolkit.make(Count).toLayer({
 *   Count: ({ path }) => Effect.flatMap(Sandbox, ({ exec }) => Effect.map(exec("wc", ["-l", path]), ({ stdout }) => stdout))
 * })
 * ```
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** A file that was not taken, or a command that was not started, with why. A command that ends with another code than 0 is none of these. */
export class SandboxFailed extends Schema.TaggedError<SandboxFailed>()("SandboxFailed", {
  /** What was wanted: a path, or a command. */
  subject: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `${this.subject}: ${this.problem}`
  }
}

/** How a command is run. */
export interface ExecOptions {
  /** Where, from the root of the workspace on; there by default. */
  readonly cwd?: string
  /** What it reads; nothing by default. */
  readonly stdin?: string | Uint8Array
  /** Variables that it is given beside those of the sandbox. */
  readonly env?: Readonly<Record<string, string>>
  /** After which it is killed, with all that it has started; no longer than the sandbox lets any run. */
  readonly timeout?: Duration.Input
  /** Told of what it writes while it runs, piece by piece; nobody by default. A sandbox that cannot tell does not. */
  readonly output?: (stream: "stdout" | "stderr", bytes: Uint8Array) => void
  /** The most of its output, and as much of its errors, that is given as text, in bytes; the middle is left out. */
  readonly maxOutput?: number
}

/** What a command has written to one of its streams. */
export interface Written {
  /** How much it was, in bytes. */
  readonly bytes: number
  /** How many bytes are left out of the text. */
  readonly cut: number
  /** Whether it is text in UTF-8. */
  readonly isText: boolean
  /** All of it, where the text is not that and it is not too large to be held. */
  readonly whole?: Uint8Array
}

/** How a command has ended. */
export interface Executed {
  readonly stdout: string
  readonly stderr: string
  /** 128 and the number of the signal where one has ended it, as shells say it. */
  readonly exitCode: number
  /** The signal that has ended it, where that is known. */
  readonly signal?: string
  /** It was killed when its time was over. */
  readonly timedOut: boolean
  /** The limit for which it was killed, in words. */
  readonly exceeded?: string
  readonly written: { readonly stdout: Written; readonly stderr: Written }
}

/** A place in which commands run, apart from the machine. */
export class Sandbox extends Context.Service<Sandbox, {
  /** What it lets commands do and not do, in a sentence, for models and people. */
  readonly told: string
  /** Whether anything keeps them apart from the machine. */
  readonly isolated: boolean
  /** The shell that there is, for `exec(shell, ["-c", line])`. */
  readonly shell: string
  /** The text of a file. */
  readonly readFile: (path: string) => Effect.Effect<string, SandboxFailed>
  /** Writes a whole file, in the place of what is there. */
  readonly writeFile: (path: string, content: string | Uint8Array) => Effect.Effect<void, SandboxFailed>
  /** Runs a command to its end. When it is interrupted, the command is killed with all that it has started. */
  readonly exec: (
    command: string,
    args?: ReadonlyArray<string>,
    options?: ExecOptions
  ) => Effect.Effect<Executed, SandboxFailed>
}>()("@fermata/agent/Sandbox") {}
