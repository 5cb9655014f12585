/** The node's one shape of errors. */
export interface ErrorBody {
  error: string;
  code: string;
  suggestion?: string;
  details?: unknown;
}

/** Why a request did not do what it should: a sentence, and what to try. `status` 0: the node did not answer. */
export class ApiFailure extends Error {
  readonly code: string;
  readonly suggestion: string;
  readonly details: unknown;

  constructor(
    readonly status: number,
    body: ErrorBody,
  ) {
    super(body.error);
    this.name = "ApiFailure";
    this.code = body.code;
    this.suggestion = body.suggestion ?? "";
    this.details = body.details;
  }
}

/** A failure whatever was thrown; what is none of ours is a defect of the page and says so. */
export function failureOf(thrown: unknown): ApiFailure {
  if (thrown instanceof ApiFailure) return thrown;
  const said = thrown instanceof Error ? thrown.message : String(thrown);
  return new ApiFailure(0, { error: said, code: "PAGE_DEFECT" });
}
