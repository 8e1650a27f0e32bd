/**
 * What `effect/cli` may ask for while it parses. The commands of this package
 * read files, ask questions and start processes themselves, so nothing of it is
 * ever used, and loading the real services would only slow every start.
 */
import type { Environment } from "effect/cli/Command"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Sink from "effect/Sink"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Terminal from "effect/Terminal"

const unused = Effect.die(new Error("The parser of the command line asked for a service that no command declares"))

export const layer: Layer.Layer<Environment> = Layer.mergeAll(
  FileSystem.layerNoop({}),
  Path.layer,
  Layer.succeedContext(
    Context.make(
      Stdio.Stdio,
      Stdio.make({
        args: Effect.succeed(process.argv.slice(2)),
        stdout: () => Sink.drain,
        stderr: () => Sink.drain,
        stdin: Stream.empty
      })
    ).pipe(
      Context.add(
        Terminal.Terminal,
        Terminal.make({
          columns: Effect.succeed(process.stdout.columns ?? 80),
          rows: Effect.succeed(process.stdout.rows ?? 24),
          size: unused,
          readInput: unused,
          readLine: unused,
          display: () => unused
        })
      ),
      Context.add(ChildProcessSpawner.ChildProcessSpawner, ChildProcessSpawner.make(() => unused))
    )
  )
)
