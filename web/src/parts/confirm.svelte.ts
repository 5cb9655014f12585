/** Questions before something is done that ends or loses something; `Confirm.svelte` asks them. */

export interface Question {
  title: string;
  /** What will happen, to how many. */
  text: string;
  /** Whether it can be undone: one of `undone`; `null` where there is nothing to undo. */
  undo: string | null;
  /** What it is for, one line each; a long list is cut by who shows it. */
  list?: string[];
  /** What the button says: the deed, never "OK". */
  action: string;
  danger?: boolean;
  /** What there is to choose with it; the first one is chosen already. */
  choice?: { label: string; options: readonly { value: number; text: string }[]; choose: (value: number) => void };
}

class Questions {
  current = $state.raw<{ question: Question; answer: (yes: boolean) => void } | undefined>(undefined);

  /** Whether the person said yes. A second question while one is open is answered no. */
  ask(question: Question): Promise<boolean> {
    if (this.current) return Promise.resolve(false);
    return new Promise((resolve) => {
      this.current = {
        question,
        answer: (yes) => {
          this.current = undefined;
          resolve(yes);
        },
      };
    });
  }
}

export const questions = new Questions();
