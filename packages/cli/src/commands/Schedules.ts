import * as Command from "effect/cli/Command"
import { commandSchedulesBackfill } from "./schedules/Backfill.ts"
import { commandSchedulesFirings } from "./schedules/Firings.ts"
import { commandSchedulesLs } from "./schedules/Ls.ts"
import { commandSchedulesNext } from "./schedules/Next.ts"
import { commandSchedulesPause } from "./schedules/Pause.ts"
import { commandSchedulesPut } from "./schedules/Put.ts"
import { commandSchedulesResume } from "./schedules/Resume.ts"
import { commandSchedulesRm } from "./schedules/Rm.ts"
import { commandSchedulesRun } from "./schedules/Run.ts"
import { commandSchedulesShow } from "./schedules/Show.ts"
import { commandSchedulesTick } from "./schedules/Tick.ts"

/** `fermata schedules` */
export const commandSchedules = Command.make("schedules").pipe(
  Command.withDescription("Start things at times: say when, see what became of it, pause, fill back"),
  Command.withExamples([
    {
      command: "fermata schedules put nightly --cron \"30 2 * * *\" --zone Europe/Berlin --workflow report",
      description: "A run each night"
    },
    { command: "fermata schedules firings nightly", description: "What became of it" }
  ]),
  Command.withSubcommands([
    commandSchedulesPut,
    commandSchedulesLs,
    commandSchedulesShow,
    commandSchedulesPause,
    commandSchedulesResume,
    commandSchedulesRun,
    commandSchedulesBackfill,
    commandSchedulesRm,
    commandSchedulesTick,
    commandSchedulesNext,
    commandSchedulesFirings
  ])
)
