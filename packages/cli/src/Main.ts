/**
 * Runs one command line: parses it, tells mistakes in sentences, and ends with
 * the exit code that the command deserves.
 */
import { didYouMean } from "@fermata/core/Suggestion"
import { CurrentActor } from "@fermata/engine/Actor"
import { CurrentTenant } from "@fermata/engine/CurrentTenant"
import * as LogLine from "@fermata/engine/LogLine"
import * as Cause from "effect/Cause"
import * as CliConfig from "effect/cli/CliConfig"
import * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as Completions from "effect/cli/Completions"
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import type * as HelpDoc from "effect/cli/HelpDoc"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as References from "effect/References"
import { Console } from "node:console"
import { dirname, resolve } from "node:path"
import { CommandFailed, exitCodes, exitCodeTexts, fromUnknown } from "./CommandFailed.ts"
import * as Commands from "./Commands.ts"
import { commandFermata } from "./commands/Fermata.ts"
import { scriptOf } from "./CompletionScripts.ts"
import { debugging, linesOfError } from "./ErrorChain.ts"
import * as Globals from "./Globals.ts"
import * as CommandLine from "./internal/CommandLine.ts"
import * as ParserServices from "./internal/ParserServices.ts"
import { document, err, isLogJson, log, noteBlock, noteNow, write, writeLog } from "./Output.ts"
import { shown } from "./Shown.ts"
import { sideOf, Typed } from "./Sides.ts"

/** Runs the command line and ends the process. */
export const main = (args: ReadonlyArray<string>, version: string): void => {
  guardStreams()
  const fiber = Effect.runFork(program(args, version))
  let signals = 0
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (++signals > 1) process.exit(process.exitCode ?? interruptedCode)
      fiber.interruptUnsafe()
    })
  }
  fiber.addObserver((exit) => {
    if (Exit.isFailure(exit)) {
      process.exitCode ??= Cause.hasInterruptsOnly(exit.cause)
        ? interruptedCode
        : exitCodes.failed
    }
    // Whatever a configuration has left open ends with the command.
    process.stdout.write("", () => process.exit())
  })
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const interruptedCode = 130

/** Stdout carries results alone: what workflows print goes to stderr. A reader that has gone ends the command quietly. */
const guardStreams = (): void => {
  globalThis.console = new Console(process.stderr, process.stderr)
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    process.exit(error.code === "EPIPE" ? process.exitCode ?? exitCodes.completed : exitCodes.failed)
  })
  process.stderr.on("error", () => {})
  // A limit on the size of files is an error of the write that met it, and no reason to die.
  process.on("SIGXFSZ", () => {})
}

/** What a command line does, up to the exit code, which it leaves with the process. */
export const program = (args: ReadonlyArray<string>, version: string): Effect.Effect<void> => {
  writeLog("text")
  return args[0] === "--complete" ?
    complete(args.slice(1)) :
    Command.runWith(command, { version, renderErrors: true })(args).pipe(
      Effect.provide(ParserServices.layer),
      Effect.provideService(Typed, typedOf(args)),
      Effect.catchCause((cause) => Cause.hasInterruptsOnly(cause) ? Effect.interrupt : tell(Cause.squash(cause), args)),
      Effect.provide(Layer.mergeAll(
        CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version] }),
        CliOutput.layerPresenter(presenter(args)),
        Logger.layer([logger])
      ))
    )
}

const PrintCompletions = GlobalFlag.Action({
  flag: Flag.ChoiceWithValue("completions", [["bash", "bash"], ["zsh", "zsh"], ["fish", "fish"], ["sh", "bash"]]).pipe(
    Flag.optional,
    Flag.withMetavar("SHELL"),
    Flag.withDescription("Print what a shell needs to complete commands, options, files, workflows and runs")
  ),
  run: (shell) => Option.isNone(shell) ? Effect.void : write(scriptOf(shell.value))
})

const command = commandFermata.pipe(
  Command.provideEffect(CurrentActor, Globals.actor),
  Command.provideEffect(CurrentTenant, Globals.tenant),
  Command.provideEffect(
    References.MinimumLogLevel,
    Effect.tap(Globals.logLevel, Effect.map(Globals.logFormat, writeLog))
  ),
  Command.withGlobalFlags([...Globals.flags, PrintCompletions])
)

/** The options of every command, as those of one. */
const everywhere = (): ReadonlyArray<CommandLine.Option> =>
  Completions.fromCommand(Command.make("fermata", {
    ...Globals.asOptions,
    help: GlobalFlag.Help.flag,
    version: GlobalFlag.Version.flag,
    completions: PrintCompletions.flag
  })).flags

/** Which command the words are of, and where it does its work. */
const typedOf = (args: ReadonlyArray<string>): Typed => {
  const { operands, path } = CommandLine.placeOf(tree(), everywhere(), args)
  return {
    path,
    side: sideOf(commandFermata, path),
    folders: operands.filter((operand) => /\.jsonc?$/i.test(operand)).map((file) => dirname(resolve(file)))
  }
}

const tree = (): CommandLine.Command => Completions.fromCommand(commandFermata)

const commands = () => ({
  root: tree(),
  everywhere: everywhere(),
  sideOf: (path: ReadonlyArray<string>) => sideOf(commandFermata, path)
})

/** Prints what may stand at the end of a line, for the scripts of `--completions`. */
const complete = ([shell, ...given]: ReadonlyArray<string>): Effect.Effect<void> =>
  Effect.gen(function*() {
    const { candidates, split } = yield* Effect.promise(() => import("./Completion.ts"))
    const words = shell === "bash" ? split(given[0] ?? "").slice(1) : given
    const current = words.at(-1) ?? ""
    // Bash takes what follows these for a word of its own.
    const committed = shell === "bash" ? Math.max(current.lastIndexOf("="), current.lastIndexOf(":")) + 1 : 0
    for (const { text, value } of yield* candidates(commands(), words)) {
      // What cannot be shown cannot be typed either.
      if (shown(value) !== value) continue
      yield* write(`${value.slice(committed)}${text === undefined || shell === "bash" ? "" : `\t${shown(text)}`}\n`)
    }
  })

/** Help that was asked for is a result; help in place of a command that was not complete, or is not there, is a mistake. */
const presenter = (args: ReadonlyArray<string>): CliOutput.Presenter => ({
  present: (event) => {
    switch (event._tag) {
      case "Help": {
        if (event.reason !== "Requested" && event.commandPath.length > 1) return Effect.void
        const place = CommandLine.placeOf(tree(), everywhere(), args)
        const [unknown] = place.command.subcommands.length > 0 ? place.operands : []
        return unknown === undefined ? write(helpText(event.helpDoc)) : show(noSuchCommand(place, unknown), args)
      }
      case "Version":
        return write(`${event.version}\n`)
      case "InvalidInvocation":
        return Effect.void
    }
  }
})

const helpText = (doc: HelpDoc.HelpDoc): string =>
  `${CliOutput.defaultFormatter().formatHelpDoc(doc).replace(/\n(?=EXAMPLES\n)/, "\n\n")}

EXIT CODES
${Object.entries(exitCodeTexts).map(([code, text]) => `  ${code}  ${text}`).join("\n")}
`

const noSuchCommand = ({ command: { subcommands }, path }: CommandLine.Place, name: string): CommandFailed => {
  const meant = didYouMean(name, subcommands.map((command) => command.name))
  return new CommandFailed({
    exitCode: exitCodes.refused,
    code: "UnknownSubcommand",
    message: `${["fermata", ...path].join(" ")} has no command ${JSON.stringify(name)}${
      meant === undefined ? "" : `; did you mean ${meant}?`
    }`,
    details: [seeHelp(["fermata", ...path])]
  })
}

const logger = Logger.make((options) => {
  if (isLogJson()) return log(LogLine.json.log(options))
  const { cause, logLevel, message } = options
  const text = (Array.isArray(message) ? message : [message]).map((part) =>
    typeof part === "string" ? part : JSON.stringify(part)
  ).join(" ")
  const reason = cause.reasons.length === 0
    ? ""
    : `: ${
      [fromUnknown(Cause.squash(cause)).message, ...(debugging ? linesOfError(Cause.squash(cause)) : [])].join("\n")
    }`
  noteBlock(`${logLevel.toLowerCase()}: ${text}${reason}`)
})

const tell = (error: unknown, args: ReadonlyArray<string>): Effect.Effect<void> =>
  Effect.gen(function*() {
    if (CliError.isCliError(error)) {
      const failures = usageFailures(error)
      if (failures.length === 0) return
      for (const failure of failures) yield* show(failure, args)
      return
    }
    yield* show(fromUnknown(error), args)
    if (debugging) { for (const text of linesOfError(error)) noteNow(`  ${text}`) }
  })

const show = (failure: CommandFailed, args: ReadonlyArray<string>): Effect.Effect<void> =>
  Effect.gen(function*() {
    process.exitCode = failure.exitCode
    noteNow(`${err.red("error:")} ${failure.message}`)
    for (const detail of failure.details ?? []) noteNow(`  ${detail}`)
    if (args.includes("--json")) {
      yield* document({ error: { code: failure.code, message: failure.message, ...failure.fields } })
    }
  })

/** Mistakes on the command line in the words of this command. None for help that was asked for. */
const usageFailures = (error: CliError.CliError): ReadonlyArray<CommandFailed> => {
  if (error._tag !== "ShowHelp") return [usage(error, ["fermata"])]
  const path = error.commandPath.join(" ")
  if (error.errors.length > 0) return error.errors.slice(0, 1).map((first) => usage(first, error.commandPath))
  return error.commandPath.length === 1
    ? []
    : [
      new CommandFailed({
        exitCode: exitCodes.refused,
        code: "MissingCommand",
        message: `${path} needs a command after it`,
        details: [seeHelp(error.commandPath)]
      })
    ]
}

const usage = (
  error: Exclude<CliError.CliError, CliError.ShowHelp>,
  commandPath: ReadonlyArray<string>
): CommandFailed => {
  const path = commandPath.join(" ")
  const meant = "suggestions" in error && error.suggestions.length > 0
    ? `; did you mean ${error.suggestions.join(" or ")}?`
    : ""
  const message = () => {
    switch (error._tag) {
      case "UnrecognizedOption":
        return `${path} has no option ${error.option}${meant}`
      case "UnknownSubcommand":
        return `${(error.parent ?? commandPath).join(" ")} has no command "${error.subcommand}"${meant}`
      case "MissingArgument":
        return `${path} needs the argument <${error.argument}>`
      case "MissingOption":
        return `${path} needs the option --${error.option}`
      case "UnexpectedArgument":
        return `${path} takes no further argument: ${error.arguments.map((value) => JSON.stringify(value)).join(", ")}`
      case "InvalidValue":
        return error.value === ""
          ? `--${error.option} needs a value: ${error.expected}`
          : `${error.kind === "flag" ? "--" : ""}${error.option} cannot be ${
            JSON.stringify(error.value)
          }: ${error.expected}`
      default:
        return error.message
    }
  }
  return new CommandFailed({
    exitCode: exitCodes.refused,
    code: error._tag,
    message: message(),
    details: [seeHelp(commandPath)]
  })
}

const seeHelp = ([, ...path]: ReadonlyArray<string>): string => `see: ${Commands.seeHelp(path)}`
