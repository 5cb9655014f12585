/** Headers of a request that is carried out once, also when it is sent twice (docs/rest-api.md, "Commands that may be sent twice"). */
export function once(): { "Idempotency-Key": string } {
  const random = crypto.getRandomValues(new Uint8Array(16)); // randomUUID is there only with HTTPS and on localhost
  return { "Idempotency-Key": [...random].map((byte) => byte.toString(16).padStart(2, "0")).join("") };
}
