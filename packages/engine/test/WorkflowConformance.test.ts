import { TestHost } from "@fermata/testing/TestHost"
import * as WorkflowConformance from "@fermata/testing/WorkflowConformance"

WorkflowConformance.suite("Fermata in memory", TestHost.layer, { strict: true })
