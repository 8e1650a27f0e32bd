import * as WorkflowConformance from "@fermata/engine/testing/WorkflowConformance"
import { TestHost } from "@fermata/engine/testing/TestHost"

WorkflowConformance.suite("Fermata in memory", TestHost.layer, { strict: true })
