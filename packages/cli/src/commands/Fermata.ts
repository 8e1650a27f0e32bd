import * as Command from "effect/cli/Command"
import { commandAgent } from "./Agent.ts"
import { commandApprovals } from "./Approvals.ts"
import { commandApprovalsApprove } from "./approvals/Approve.ts"
import { commandApprovalsDeny } from "./approvals/Deny.ts"
import { commandAudit } from "./Audit.ts"
import { commandBackup } from "./Backup.ts"
import { commandBridge, commandBridgeDiscord, commandBridgeGithub } from "./Bridge.ts"
import { commandContracts } from "./Contracts.ts"
import { commandDoctor } from "./Doctor.ts"
import { commandEmit } from "./Emit.ts"
import { commandEvents } from "./Events.ts"
import { commandExport } from "./Export.ts"
import { commandImport } from "./Import.ts"
import { commandInit } from "./Init.ts"
import { commandInstances } from "./Instances.ts"
import { commandMcp } from "./Mcp.ts"
import { commandPolicy } from "./Policy.ts"
import { commandQueue } from "./Queue.ts"
import { commandReplay } from "./Replay.ts"
import { commandRetention } from "./Retention.ts"
import { commandRun } from "./Run.ts"
import { commandRunOnce } from "./RunOnce.ts"
import { commandRuns } from "./Runs.ts"
import { commandSchedules } from "./Schedules.ts"
import { commandScheduleCreate } from "./schedules/Create.ts"
import { commandScheduleTick } from "./schedules/Tick.ts"
import { commandSensors } from "./Sensors.ts"
import { commandSensorEvent } from "./sensors/Event.ts"
import { commandServe } from "./Serve.ts"
import { commandSignal } from "./Signal.ts"
import { commandSources } from "./Sources.ts"
import { commandStatus } from "./Status.ts"
import { commandTasks } from "./Tasks.ts"
import { commandTenants } from "./Tenants.ts"
import { commandToken } from "./Token.ts"
import { commandUpgrade } from "./Upgrade.ts"
import { commandWebhooks } from "./Webhooks.ts"
import { commandWorker } from "./Worker.ts"
import { commandWorkers } from "./Workers.ts"

/** The whole command. */
export const commandFermata = Command.make("fermata").pipe(
  Command.withDescription("Runs durable workflows: start them, look at them, answer what they ask."),
  Command.withExamples([
    {
      command: "fermata run contract.json --input '{\"name\":\"Ada\"}'",
      description: "Start a run of a contract and follow it"
    },
    { command: "fermata runs ls --status suspended", description: "See which runs wait" },
    { command: "fermata approve 1f0c --note \"fine\"", description: "Answer what a run asks" },
    { command: "fermata worker", description: "Work on every run that is due" }
  ]),
  Command.withSubcommands([
    commandRun,
    commandAgent,
    commandRuns,
    commandApprovals,
    commandApprovalsApprove,
    commandApprovalsDeny,
    commandPolicy,
    commandSignal,
    commandEmit,
    commandEvents,
    commandSensors,
    commandSources,
    commandBridge,
    commandSchedules,
    commandContracts,
    commandTasks,
    commandQueue,
    commandWebhooks,
    commandWorker,
    commandRunOnce,
    commandInstances,
    commandWorkers,
    commandServe,
    commandToken,
    commandTenants,
    commandRetention,
    commandExport,
    commandImport,
    commandAudit,
    commandMcp,
    commandReplay,
    commandUpgrade,
    commandBackup,
    commandStatus,
    commandDoctor,
    commandInit,
    // As they are known from the reference.
    commandScheduleCreate,
    commandScheduleTick,
    commandSensorEvent,
    commandBridgeGithub,
    commandBridgeDiscord
  ])
)
