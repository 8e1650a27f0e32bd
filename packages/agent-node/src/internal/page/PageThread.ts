/** The module of the threads that read pages. */
import { serve } from "../Served.ts"
import { read } from "./Page.ts"

await serve(read)
