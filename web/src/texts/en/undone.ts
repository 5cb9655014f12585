const no = "This cannot be undone.";
const but = (then: string): string => `This cannot be undone; ${then}.`;
const yes = (how: string): string => `This can be undone: ${how}.`;

/** Whether a deed can be undone, and what helps where it cannot: every question before one ends with this. */
export const undone = {
  no,
  start: but("Stop ends what was started, and what made way is started again by hand"),
  stop: but("Start begins anew, with a profile"),
  restart: but("what is restarted mines again by itself"),
  pause: yes("Resume has them hash again"),
  resume: yes("Pause has those rest again that did"),
  deploy: but("a version before can be deployed again"),
  rollback: yes("the version of now stays and can be deployed again"),
  schedule: but("the schedule before can be set again"),
  lock: but("what was locked before can be set again"),
  version: yes("what it is now stays as a version"),
  token: but("a new one can be created"),
  login: but("a login of the same name can be made again"),
  clearLock: yes("it can be set again at any time"),
  vanishedLock: but("a lock can be set anew, with its wallets and pools typed again"),
  turnAway: yes("if it dials again later, it waits here again"),
  /** Of a job's action, which may be one that this page does not know. */
  of: (action: string): string => (Object.hasOwn(BY_ACTION, action) ? (BY_ACTION[action] ?? no) : no),
};

const BY_ACTION: Readonly<Record<string, string>> = {
  start: undone.start,
  stop: undone.stop,
  restart: undone.restart,
  pause: undone.pause,
  resume: undone.resume,
  deploy: undone.deploy,
  rollback: undone.rollback,
  schedule: undone.schedule,
  lock: undone.lock,
};
