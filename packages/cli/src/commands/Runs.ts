import * as Command from "effect/cli/Command"
import { commandRunsArtifact } from "./runs/Artifact.ts"
import { commandRunsCancel } from "./runs/Cancel.ts"
import { commandRunsConfirm } from "./runs/Confirm.ts"
import { commandRunsDelete } from "./runs/Delete.ts"
import { commandRunsDiff } from "./runs/Diff.ts"
import { commandRunsFork } from "./runs/Fork.ts"
import { commandRunsJournal } from "./runs/Journal.ts"
import { commandRunsLs } from "./runs/Ls.ts"
import { commandRunsPause } from "./runs/Pause.ts"
import { commandRunsPrune } from "./runs/Prune.ts"
import { commandRunsRaise } from "./runs/Raise.ts"
import { commandRunsResume } from "./runs/Resume.ts"
import { commandRunsRetry } from "./runs/Retry.ts"
import { commandRunsSettle } from "./runs/Settle.ts"
import { commandRunsShow } from "./runs/Show.ts"
import { commandRunsTail } from "./runs/Tail.ts"
import { commandRunsTranscript } from "./runs/Transcript.ts"

/** `fermata runs` */
export const commandRuns = Command.make("runs").pipe(
  Command.withDescription("Look at runs and act on them"),
  Command.withExamples([{ command: "fermata runs ls", description: "List the latest runs" }]),
  Command.withSubcommands([
    commandRunsLs,
    commandRunsShow,
    commandRunsJournal,
    commandRunsArtifact,
    commandRunsTail,
    commandRunsTranscript,
    commandRunsCancel,
    commandRunsPause,
    commandRunsResume,
    commandRunsRetry,
    commandRunsSettle,
    commandRunsConfirm,
    commandRunsRaise,
    commandRunsFork,
    commandRunsDiff,
    commandRunsDelete,
    commandRunsPrune
  ])
)
