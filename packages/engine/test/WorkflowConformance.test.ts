import { TestHost } from "@fermata/engine/testing/TestHost"
import * as WorkflowConformance from "@fermata/engine/testing/WorkflowConformance"

WorkflowConformance.suite("Fermata in memory", TestHost.layer, { strict: true })
