/** Short notes of what was done or failed, at the edge of the page. What failed stays until it is dismissed. */

import { failureOf } from "../api/failure";

export interface Toast {
  id: number;
  kind: "done" | "failed";
  text: string;
  suggestion: string;
  /** A way back, or to more of it. */
  action: { label: string; run: () => void } | undefined;
}

const DONE_FOR_MS = 6000;
const MOST = 4;

class Toasts {
  list = $state.raw<Toast[]>([]);
  #next = 1;

  done(text: string, action?: Toast["action"]): void {
    const id = this.#add({ kind: "done", text, suggestion: "", action });
    setTimeout(() => this.dismiss(id), DONE_FOR_MS);
  }

  failed(thrown: unknown): void {
    const failure = failureOf(thrown);
    this.#add({ kind: "failed", text: failure.message, suggestion: failure.suggestion, action: undefined });
  }

  dismiss(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }

  #add(toast: Omit<Toast, "id">): number {
    const id = this.#next++;
    this.list = [...this.list, { ...toast, id }].slice(-MOST);
    return id;
  }
}

export const toasts = new Toasts();
