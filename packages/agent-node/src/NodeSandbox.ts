/**
 * A `Sandbox` on Node: commands run in bubblewrap, which is part of every Linux
 * distribution. They see the programs of the machine, the workspace at its own
 * place without what is hidden from agents, and an empty home; no other file, no
 * process of others, no network unless it is granted, and no variable but `PATH`,
 * `LANG` and those that are granted by name. What a command leaves running ends
 * with it, and so it does when the process dies that has started it.
 *
 * Where there is no bubblewrap, nothing is run, unless `without` says otherwise.
 */
import { type ExecOptions, type Executed, Sandbox, SandboxFailed } from "@fermata/agent/Sandbox"
import type { SecretRef } from "@fermata/core/SecretRef"
import * as Secrets from "@fermata/engine/Secrets"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { existsSync } from "node:fs"
import { tmpdir } from "node:os"
import * as Bubblewrap from "./internal/Bubblewrap.ts"
import * as Capture from "./internal/Capture.ts"
import * as Command from "./internal/Command.ts"
import * as Git from "./internal/Git.ts"
import { type Limits, limits } from "./internal/Limits.ts"
import * as Programs from "./internal/Programs.ts"
import * as Text from "./internal/Text.ts"
import { Workspace } from "./Workspace.ts"

/** There is no sandbox on this machine, with why and what would bring it. */
export class SandboxUnavailable extends Schema.TaggedError<SandboxUnavailable>()("SandboxUnavailable", {
  problem: Schema.String
}) {
  override get message(): string {
    return `Commands of agents cannot run apart from this machine: ${this.problem}`
  }
}

/** What a sandbox is. */
export interface Options {
  /**
   * What happens on a machine that has no bubblewrap: the layer fails (`refuse`,
   * the default), or commands run with the rights of this process (`allow`), which
   * is logged, and told to the model with each result.
   */
  readonly without?: "refuse" | "allow"
  /** Commands reach the network, all of it, with what listens on this machine. They do not by default. */
  readonly network?: boolean
  /** Variables of this process that commands are given, by name; beside `PATH` and `LANG` none by default. */
  readonly env?: ReadonlyArray<string>
  /**
   * Variables that are secrets, by their names: each command is told what they say
   * then, in the step of its call alone, and they are cut out of what it writes. A
   * command that writes one into a file has told it to whoever reads that file.
   */
  readonly secrets?: Readonly<Record<string, SecretRef>>
  /** Further folders that commands read, such as that of a Node that does not lie below `/usr`. */
  readonly shown?: ReadonlyArray<string>
  readonly limits?: Partial<Limits>
}

export { type Limits, limits }

/** Commands in a workspace. Looks once what the machine has. */
export const make = (options: Options = {}): Effect.Effect<Sandbox["Service"], SandboxUnavailable, Workspace> =>
  Effect.gen(function*() {
    const workspace = yield* Workspace
    const bounds = { ...limits, ...options.limits }
    const path = process.env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"
    const found = yield* Effect.promise(() => Programs.find(path))
    const problem = "problem" in found ? found.problem : undefined
    if (problem !== undefined && options.without !== "allow") return yield* new SandboxUnavailable({ problem })
    const isolated = problem === undefined
    const told = isolated ? toldOf(workspace, options, bounds) : withoutOf(problem)
    if (!isolated) yield* Effect.logWarning(told)

    const environment = {
      PATH: path,
      LANG: process.env["LANG"] ?? "C.UTF-8",
      HOME: isolated ? Bubblewrap.home : tmpdir(),
      ...Object.fromEntries((options.env ?? []).flatMap((name) => {
        const value = process.env[name]
        return value === undefined ? [] : [[name, value]]
      }))
    }

    const exec = Effect.fnUntraced(function*(
      command: string,
      args: ReadonlyArray<string> = [],
      { cwd = ".", env, maxOutput = 30_000, output, stdin, timeout }: ExecOptions = {}
    ): Effect.fn.Return<Executed, SandboxFailed> {
      const failed = (problem: string) => new SandboxFailed({ subject: command, problem })
      if ([command, ...args, ...Object.values(env ?? {})].some((word) => word.includes("\0"))) {
        return yield* failed("no word of a command has a NUL character in it")
      }
      const folder = yield* Effect.mapError(
        workspace.locate(cwd, "read"),
        ({ problem }) => new SandboxFailed({ subject: cwd, problem })
      )
      const guarded = yield* Effect.mapError(workspace.guarded, ({ problem }) => failed(problem))
      const secrets = yield* Effect.mapError(
        Effect.forEach(
          Object.entries(options.secrets ?? {}),
          ([name, ref]) => Effect.map(Secrets.resolve(ref), (secret) => [name, Redacted.value(secret)] as const)
        ),
        ({ message }) => failed(message)
      )
      const git = yield* Effect.tryPromise({
        try: () => Git.environmentOf(guarded.repositories, environment),
        catch: (error) => failed(String(error))
      })
      const limited = Programs.limited(found.prlimit, bounds, [command, ...args])
      const stdout = Capture.make(maxOutput, largestWhole)
      const stderr = Capture.make(maxOutput, largestWhole)
      const ended = yield* Command.run({
        ...("problem" in found
          ? { program: limited, view: undefined }
          : {
            program: [found.bubblewrap, "--args", String(Command.descriptors.view), "--", ...limited],
            view: Bubblewrap.view({
              root: workspace.root,
              cwd: folder.real,
              isReadOnly: workspace.readOnly,
              hasNetwork: options.network === true,
              shown: options.shown ?? [],
              scratch: bounds.scratch,
              guarded
            }, Command.descriptors)
          }),
        cwd: isolated ? workspace.root : folder.real,
        env: { ...git, ...environment, ...Object.fromEntries(secrets), ...env },
        stdin,
        stdout: (chunk) => {
          stdout.take(chunk)
          output?.("stdout", chunk)
        },
        stderr: (chunk) => {
          stderr.take(chunk)
          output?.("stderr", chunk)
        },
        timeoutMs: Math.min(bounds.timeoutMs, timeout === undefined ? bounds.timeoutMs : Duration.toMillis(timeout)),
        limits: bounds
      })
      const [out, problems] = [stdout.end(), stderr.end()]
      if ("problem" in ended) return yield* failed(ended.problem)
      if (!ended.begun) return yield* failed(`it was not started: ${problems.text.trim()}`)
      const { begun: _, ...rest } = ended
      return {
        stdout: out.text,
        stderr: problems.text,
        ...rest,
        written: { stdout: out.written, stderr: problems.written }
      }
    })

    return {
      told,
      isolated,
      shell: ["/bin/bash", "/usr/bin/bash"].find((path) => existsSync(path)) ?? "/bin/sh",
      readFile: (path) =>
        workspace.read(path).pipe(
          Effect.mapError(({ path, problem }) => new SandboxFailed({ subject: path, problem })),
          Effect.flatMap(({ bytes }) => {
            const text = Text.read(bytes)
            return text === undefined
              ? Effect.fail(new SandboxFailed({ subject: path, problem: "is no text in UTF-8" }))
              : Effect.succeed(text)
          })
        ),
      writeFile: (path, content) =>
        workspace.write(path, typeof content === "string" ? new TextEncoder().encode(content) : content).pipe(
          Effect.mapError(({ path, problem }) => new SandboxFailed({ subject: path, problem })),
          Effect.asVoid
        ),
      exec
    }
  })

/** As `make`, as a layer. */
export const layer = (options?: Options): Layer.Layer<Sandbox, SandboxUnavailable, Workspace> =>
  Layer.effect(Sandbox, make(options))

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Bytes of a stream that are held as a whole: what an artifact may have. */
const largestWhole = 16 * 1024 ** 2

const toldOf = (
  { readOnly }: { readonly readOnly: boolean },
  { env = [], network, secrets = {} }: Options,
  { memory, processes, timeoutMs }: Limits
): string =>
  `Commands run in a sandbox: the workspace is ${readOnly ? "only read" : "written"}, ${
    network === true ? "the network is there" : "there is no network"
  }, home and /tmp are empty at each start${
    [...env, ...Object.keys(secrets)].length === 0
      ? ""
      : `, ${[...env, ...Object.keys(secrets)].join(", ")} of the environment`
  }; at most ${timeoutMs / 1_000} s, ${Math.round(memory / 1024 ** 2)} MiB of memory and ${processes} processes.`

const withoutOf = (problem: string): string =>
  `Commands run WITHOUT a sandbox, with all rights of this process: ${problem}`
