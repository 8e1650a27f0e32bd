/** The module of the threads that search. */
import { serve } from "../Served.ts"
import { search } from "./Search.ts"

await serve(search)
