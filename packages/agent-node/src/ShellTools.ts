/**
 * The shell of an agent, in the `Sandbox` of its process. A line is read by Bash
 * where there is one, as rules of policies read it (`CommandRisk`), and by `sh`
 * where there is none: what one of them reads otherwise than the other is a doubt
 * to those rules.
 */
import * as AgentTool from "@fermata/agent/AgentTool"
import * as CommandRisk from "@fermata/agent/CommandRisk"
import { type Executed, Sandbox, SandboxFailed, type Written } from "@fermata/agent/Sandbox"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Telling from "./internal/Telling.ts"

/** Runs a line in a shell. */
export const Bash = AgentTool.requires(
  Tool.make("Bash", {
    description:
      "Runs a command in a shell, in the workspace, and gives its output, its errors and its exit code. Each call is a shell of its own: variables and folders that were changed are forgotten, and what is left running in the background is killed when the command ends. Nobody answers what it asks. Of long output the middle is left out. Use the tools for files to read and change them.",
    parameters: Schema.Struct({
      command: Schema.String,
      timeout: Schema.optionalKey(
        Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 86_400_000 })).annotate({
          description: "Milliseconds after which it is killed; as long as the sandbox allows by default, and no longer."
        })
      ),
      description: Schema.optionalKey(
        Schema.String.annotate({ description: "What it does, in five to ten words, for people." })
      )
    }),
    success: Schema.String,
    failure: SandboxFailed
  }).annotateMerge(AgentTool.rules({
    onCrash: "ask",
    stopsAtOnce: true,
    permission: "process",
    subject: AgentTool.subject("command", "command")
  })),
  Sandbox
)

/**
 * As `Bash`, but what only reads (`CommandRisk`) runs again by itself after a
 * crash. Everything else waits for a person, as with `Bash`.
 */
export const BashRereads: typeof Bash = AgentTool.probe(Bash, ({ command }) => {
  const { reasons, risk } = CommandRisk.of(command)
  return risk === "reads"
    ? Effect.succeed(Option.none())
    : Effect.fail(
      new SandboxFailed({
        subject: command,
        problem: `nobody knows how much of it was done, and it does more than to read: ${reasons.join("; ")}`
      })
    )
})

/** The shell. */
export const toolkit = Toolkit.make(Bash)

/** The shell, in which what only reads runs again after a crash. */
export const toolkitRereads = Toolkit.make(BashRereads)

/** Carries its calls out. */
export const layer: Layer.Layer<Tool.HandlersFor<typeof toolkit.tools>> = toolkit.toLayer({
  Bash: ({ command, timeout }) =>
    Effect.gen(function*() {
      const { exec, isolated, shell, told } = yield* Sandbox
      const telling = yield* Telling.make
      const ended = yield* exec(shell, ["-c", command], {
        output: telling.take,
        ...(timeout === undefined ? {} : { timeout })
      })
      yield* telling.end
      const isWrong = ended.exitCode !== 0 || ended.timedOut || ended.exceeded !== undefined
      // What only reads has changed nothing that others count on, and says by its code what it found.
      if (isWrong && CommandRisk.of(command).risk !== "reads") yield* AgentTool.stopOthers
      return [
        yield* shown("stdout", ended.stdout, ended.written.stdout),
        ...(ended.written.stderr.bytes === 0
          ? []
          : ["[stderr]", yield* shown("stderr", ended.stderr, ended.written.stderr)]),
        `[${endOf(ended)}]`,
        ...(isolated ? [] : [`[${told}]`])
      ].filter((part) => part !== "").join("\n")
    }).pipe(Effect.scoped)
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** A stream as the model is shown it. What it is not shown is kept, where it is not too large for that. */
const shown = Effect.fnUntraced(function*(name: string, text: string, { bytes, cut, isText, whole }: Written) {
  const { keep, key } = yield* AgentTool.call
  const kept = whole === undefined ? undefined : yield* Effect.option(
    keep(whole, {
      name: `${key.slice(0, 180)}.${name}.${isText ? "txt" : "bin"}`,
      mediaType: isText ? "text/plain" : "application/octet-stream"
    })
  )
  const where = kept === undefined
    ? ""
    : Option.match(kept, {
      onNone: () => "",
      onSome: ({ hash, name }) => `\n[the whole of ${name ?? hash} is kept]`
    })
  if (!isText) return `[${bytes} bytes of ${name} that are no text]${where}`
  return `${text.endsWith("\n") ? text.slice(0, -1) : text}${cut > 0 ? where : ""}`
})

const endOf = ({ exceeded, exitCode, signal, timedOut }: Executed): string =>
  exceeded !== undefined
    ? `killed with all that it had started: ${exceeded}`
    : timedOut
    ? "killed with all that it had started: its time was over"
    : signal === undefined
    ? `exit code ${exitCode}`
    : `exit code ${exitCode}, ended by ${signal}`
