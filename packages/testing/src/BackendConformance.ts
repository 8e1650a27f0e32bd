/**
 * What every storage backend must do, as one suite of tests.
 *
 * A backend proves itself with one call in a test file:
 * `BackendConformance.suite("sqlite", makeStore)`.
 */
import { describe } from "@effect/vitest"
import { accessTests } from "./backend/AccessTests.ts"
import { artifactTests } from "./backend/ArtifactTests.ts"
import { auditTests } from "./backend/AuditTests.ts"
import { bookmarkTests } from "./backend/BookmarkTests.ts"
import { changeTests } from "./backend/ChangeTests.ts"
import { endpointTests } from "./backend/EndpointTests.ts"
import { eventTests } from "./backend/EventTests.ts"
import { type MakeStore, withBackend } from "./backend/Fixtures.ts"
import { journalTests } from "./backend/JournalTests.ts"
import { lawTests } from "./backend/Law.ts"
import { leaveTests } from "./backend/LeaveTests.ts"
import { messageTests } from "./backend/MessageTests.ts"
import { ownershipTests } from "./backend/OwnershipTests.ts"
import { queueTests } from "./backend/QueueTests.ts"
import { readTests } from "./backend/ReadTests.ts"
import { restoreTests } from "./backend/RestoreTests.ts"
import { retentionTests } from "./backend/RetentionTests.ts"
import { runTests } from "./backend/RunTests.ts"
import { scheduleTests } from "./backend/ScheduleTests.ts"
import { sourceTests } from "./backend/SourceTests.ts"
import { spendingTests } from "./backend/SpendingTests.ts"
import { standingTests } from "./backend/StandingTests.ts"
import { taskTests } from "./backend/TaskTests.ts"
import { tenantTests } from "./backend/TenantTests.ts"
import { togetherTests } from "./backend/TogetherTests.ts"
import { watchdogTests } from "./backend/WatchdogTests.ts"

export type { MakeStore } from "./backend/Fixtures.ts"

/**
 * Registers the suite under `name`. `make` gives each test an empty store;
 * `connect` opens a connection to it, more than once where several are tested.
 */
export const suite = (name: string, make: MakeStore): void => {
  const test = withBackend(make)
  describe(`${name} backend`, () => {
    runTests(test)
    journalTests(test)
    ownershipTests(test)
    messageTests(test)
    leaveTests(test)
    eventTests(test)
    endpointTests(test)
    readTests(test)
    changeTests(test, make)
    watchdogTests(test)
    togetherTests(test)
    artifactTests(make)
    spendingTests(test)
    standingTests(test)
    accessTests(test)
    auditTests(test)
    bookmarkTests(test)
    restoreTests(test)
    taskTests(test)
    queueTests(test)
    retentionTests(test)
    tenantTests(test)
    sourceTests(test)
    scheduleTests(test)
    lawTests(make)
  })
}
