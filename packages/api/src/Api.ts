/** The HTTP surface of Fermata as one value: served by `@fermata/server`, called by `Client`, described by OpenAPI. */
import * as HttpApi from "effect/http-api/HttpApi"
import * as OpenApi from "effect/http-api/OpenApi"
import { Access } from "./Access.ts"
import { AccessGroup } from "./AccessGroup.ts"
import { AgentsGroup } from "./AgentsGroup.ts"
import { ApprovalsGroup } from "./ApprovalsGroup.ts"
import { ArtifactsGroup } from "./ArtifactsGroup.ts"
import { AuditGroup } from "./AuditGroup.ts"
import { ContractsGroup } from "./ContractsGroup.ts"
import { DiffGroup } from "./DiffGroup.ts"
import { EventsGroup } from "./EventsGroup.ts"
import { Idempotency } from "./Idempotency.ts"
import * as Described from "./internal/Described.ts"
import { JournalGroup } from "./JournalGroup.ts"
import { PolicyGroup } from "./PolicyGroup.ts"
import { PauseGroup, QueuesGroup } from "./QueuesGroup.ts"
import { RetentionGroup } from "./RetentionGroup.ts"
import { RunsGroup } from "./RunsGroup.ts"
import { RunWebhooksGroup } from "./RunWebhooksGroup.ts"
import { SchedulesGroup } from "./SchedulesGroup.ts"
import { SensorsGroup } from "./SensorsGroup.ts"
import { SignalsGroup } from "./SignalsGroup.ts"
import { SourcesGroup } from "./SourcesGroup.ts"
import { SpendingGroup } from "./SpendingGroup.ts"
import { StepsGroup } from "./StepsGroup.ts"
import { StreamsGroup } from "./StreamsGroup.ts"
import { SystemGroup } from "./SystemGroup.ts"
import { TasksGroup } from "./TasksGroup.ts"
import { TenantsGroup } from "./TenantsGroup.ts"
import { WebhooksGroup } from "./WebhooksGroup.ts"
import { WorkflowsGroup } from "./WorkflowsGroup.ts"

/** Every group of routes, below `/api`. */
export class Api extends HttpApi.make("fermata")
  .add(RunsGroup)
  .add(RunWebhooksGroup)
  .add(JournalGroup)
  .add(StepsGroup)
  .add(ArtifactsGroup)
  .add(DiffGroup)
  .add(AgentsGroup)
  .add(ApprovalsGroup)
  .add(SignalsGroup)
  .add(EventsGroup)
  .add(SensorsGroup)
  .add(SourcesGroup)
  .add(WebhooksGroup)
  .add(ContractsGroup)
  .add(SchedulesGroup)
  .add(WorkflowsGroup)
  .add(PolicyGroup)
  .add(RetentionGroup)
  .add(SpendingGroup)
  .add(StreamsGroup)
  .add(SystemGroup)
  .add(AccessGroup)
  .add(AuditGroup)
  .add(TenantsGroup)
  .add(TasksGroup)
  .add(QueuesGroup)
  .add(PauseGroup)
  .middleware(Idempotency)
  .middleware(Access)
  .prefix("/api")
  // A name that no route knows is a mistake of whoever sends it, and never passed over.
  .annotate(HttpApi.PayloadParseOptions, { onExcessProperty: "error" })
  .annotate(HttpApi.QueryParseOptions, { onExcessProperty: "error" })
  .annotateMerge(OpenApi.annotations({
    title: "Fermata",
    version: Described.version,
    description: "Durable runs of workflows and agents: start them, look at them, answer and steer them.",
    license: { name: "MIT", identifier: "MIT" },
    transform: (spec): Record<string, unknown> => Described.describe(Api, spec)
  }))
{}
