import * as WorkflowConformance from "@fermata/testing/WorkflowConformance"
import { WorkflowEngine } from "effect/workflow"

WorkflowConformance.suite("Effect's memory engine", WorkflowEngine.layerMemory)
