/** Work that waits for a frame, so that no frame has too much of it. */

/** Within this time it is done where there is no frame, because nobody looks. */
const LATEST_MS = 1000;

/** The coming frame answers somebody. */
let answering = false;

/** Do `work` with the next frame, or with the one after that if the next one answers somebody; the returned function takes it back. */
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
  let frame = requestAnimationFrame(() => {
    if (answering) frame = requestAnimationFrame(run);
    else run();
  });
  return cancel;
}

/** Somebody asked for what is drawn with the coming frame: what waits for a frame gets the one after it. */
export function answerFirst(): void {
  if (answering) return;
  answering = true;
  // over when the frame's whole work is done, whoever else waits for it
  requestAnimationFrame(() => setTimeout(() => (answering = false)));
}
