/** The routes for questions to people: listed, looked at, answered and handed on by whoever calls. */
import { Answer, Delegate, OpenApproval } from "@fermata/core/Question"
import {
  AnsweredAlready,
  AnswerRefused,
  ApprovalAmbiguous,
  ApprovalNotOpen,
  ArgumentsEdited,
  DelegationRefused,
  NotAllowed
} from "@fermata/core/RunsErrors"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Schema from "effect/Schema"
import { ForTenants, RequiredScope } from "./Access.ts"
import * as Paging from "./Paging.ts"
import * as Problem from "./Problem.ts"
import { actErrors, findErrors } from "./RunsGroup.ts"

const { by: _, roles: _roles, ...said } = Answer.fields

/** What a person says to a question. Who that is, and in which roles, the server knows by itself. */
export const AnswerBody = Schema.Struct({
  ...said,
  /** May be left out. Where it names anybody but the caller, the answer is refused. */
  by: Schema.optionalKey(Schema.String)
})
export interface AnswerBody extends Schema.Schema.Type<typeof AnswerBody> {}

const { by: _by, roles: _groups, ...handed } = Delegate.fields

/** To whom a person hands a question on. Who that is, and in which roles, the server knows by itself. */
export const DelegationBody = Schema.Struct({
  ...handed,
  /** May be left out. Where it names anybody but the caller, it is refused. */
  by: Schema.optionalKey(Schema.String)
})
export interface DelegationBody extends Schema.Schema.Type<typeof DelegationBody> {}

/** Questions that no run has gone on from, the oldest first. */
export const ApprovalPage = Schema.Struct({ approvals: Schema.Array(OpenApproval), ...Paging.next })
export interface ApprovalPage extends Schema.Schema.Type<typeof ApprovalPage> {}

/** `<run>/<key>`, with its slashes encoded; or a run that asks one thing only. */
const Approval = { approval: Schema.String }

const openErrors = [
  ...actErrors,
  Problem.of(ApprovalNotOpen),
  Problem.of(ApprovalAmbiguous),
  Problem.of(AnsweredAlready)
] as const

const list = HttpApiEndpoint.get("list", "/", {
  query: {
    run: Schema.optionalKey(Schema.String),
    workflow: Schema.optionalKey(Schema.String),
    /** Only what somebody with one of these names or roles may answer. */
    approver: Schema.optionalKey(Schema.Array(Schema.String)),
    ...Paging.query
  },
  success: ApprovalPage,
  error: findErrors
}).annotate(RequiredScope, "read")

const get = HttpApiEndpoint.get("get", "/:approval", {
  params: Approval,
  success: OpenApproval,
  error: openErrors
}).annotate(RequiredScope, "read")

const answer = HttpApiEndpoint.post("answer", "/:approval/answers", {
  params: Approval,
  payload: AnswerBody,
  success: OpenApproval,
  error: [...openErrors, Problem.of(ArgumentsEdited), Problem.of(NotAllowed), Problem.of(AnswerRefused)]
}).annotate(RequiredScope, "approve")

const delegate = HttpApiEndpoint.post("delegate", "/:approval/delegations", {
  params: Approval,
  payload: DelegationBody,
  success: OpenApproval,
  error: [...openErrors, Problem.of(NotAllowed), Problem.of(DelegationRefused)]
}).annotate(RequiredScope, "approve")

/** The routes below `/api/approvals`. */
export class ApprovalsGroup extends HttpApiGroup.make("approvals").add(list, get, answer, delegate).prefix("/approvals")
  .annotate(ForTenants, true)
{}
