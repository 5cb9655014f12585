/** Work that waits for a frame, so that no frame has too much of it. */

/** Within this time it is done where there is no frame, because nobody looks. */
const LATEST_MS = 1000;

/** Do `work` with the next frame; the returned function takes it back. */
export function nextFrame(work: () => void): () => void {
  const cancel = (): void => {
    clearTimeout(late);
    cancelAnimationFrame(frame);
  };
  const run = (): void => {
    cancel();
    work();
  };
  const late = setTimeout(run, LATEST_MS);
  const frame = requestAnimationFrame(run);
  return cancel;
}
