import { whole } from "../../format/whole";

/** `count(3, "rig")` is "3 rigs"; `many` where it is not the plain plural. */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${whole(n)} ${n === 1 ? one : many}`;
}

/** The word for `key`, which may be anybody's; itself where there is none. */
export function word(words: Readonly<Record<string, string>>, key: string): string {
  return Object.hasOwn(words, key) ? (words[key] ?? key) : key;
}

export const api = {
  unreachable: {
    error: "The node does not answer.",
    code: "UNREACHABLE",
    suggestion: "See whether it runs there: miner-ctrl node info. This page goes on by itself when it is back.",
  },
  late: {
    error: "The node took longer than 30 seconds.",
    code: "TIMEOUT",
    suggestion: "It may still be at it: look whether it was done before you try again.",
  },
  noSuchName: { error: "Nothing is called that.", code: "NOT_FOUND", suggestion: "See whether the address is whole." },
  unexpected: (status: number) => `The node answered with status ${status} and nothing that this page understands.`,
  unexpectedSuggestion: "Reload the page: it may be older than the node. A proxy in between may have answered, too.",
};

export const feed = {
  noTopic: { reason: "There is nothing of that name.", suggestion: "See whether the address is whole." },
};

export const shell = {
  product: "miner-ctrl",
  skip: "Skip to the content",
  navigation: "Pages",
  overview: "Overview",
  nodes: "Nodes",
  profiles: "Profiles",
  activity: "Activity",
  settings: "Settings",
  find: "Find",
  findHint: "Find a rig, a page or an action",
  help: "Keyboard",
  logout: "Log out",
  notFound: {
    title: "There is no such page",
    text: "The address may be mistyped, or what it named was removed.",
    action: "Go to the overview",
  },
  connecting: "Connecting…",
  live: "Live",
  lost: (words: string) => `No word from the node for ${words}. Trying again…`,
  refused: "The node does not let this page follow the fleet.",
  stale: (words: string) => `as of ${words} ago`,
  pageFailed: "This part of the page could not be loaded.",
  pageFailedHint: "The node may have been updated meanwhile: reload the page.",
  defect: "This part of the page has stopped because of a mistake in it.",
  reload: "Reload the page",
};

export const login = {
  title: "Log in",
  text: "This node asks who you are.",
  name: "Name",
  password: "Password",
  submit: "Log in",
  ended: "Your session has ended: it was not used for long, or the login was changed or removed.",
  endedHint: "Log in to go on where you are. What you typed is still there.",
  endedTitle: "Log in again",
  wait: (seconds: number) => `Wait ${seconds} s`,
  hint: "Logins are made on the node itself: miner-ctrl login set NAME --role admin",
};

export const parts = {
  close: "Close",
  cancel: "Cancel",
  retry: "Try again",
  copy: "Copy",
  copied: "Copied",
  copyFailed: "Could not be copied: select it and copy by hand.",
  loading: "Loading…",
  dismiss: "Dismiss",
  never: "never",
  unknown: "not known",
  noTime: "no time that there is",
  show: "Show",
  showPassword: "Show the password",
  hidePassword: "Hide the password",
  capsLock: "Caps Lock is on.",
  others: (n: number, one: string) => `and ${count(n, `other ${one}`)}`,
  moreRigs: (n: number) => `${count(n, "more rig")}: filter to see them`,
  moreTokens: (n: number) => `${count(n, "more token")}: filter to see them`,
  notAllowed: (what: string, needs: string, role: string) => `${what} for ${needs === "admin" ? "admins" : "operators and admins"}: you are here as ${role === "viewer" ? "a viewer" : `an ${role}`}.`,
};

export const states = {
  mining: "Mining",
  paused: "Paused",
  idle: "Idle",
  trouble: "In trouble",
  offline: "Offline",
  unknown: "Unknown",
} as const;

export const keyboard = {
  title: "Keyboard",
  singleKeys: "Keys without Ctrl do something",
  singleKeysHint: "Turn this off if you dictate, or press keys by accident.",
  everywhere: "Everywhere",
  here: "On this page",
  find: "Find a rig, a page or an action",
  help: "This list",
  go: (page: string) => `Go to ${page}`,
  then: "then",
};

export const palette = {
  title: "Find",
  placeholder: "A rig, a page, an action, or: stop rig-alpha",
  nothing: "Nothing is called that.",
  results: (n: number) => (n ? count(n, "result") : "No results"),
  rig: "Rig",
  page: "Page",
  profile: "Profile",
  action: "Action",
  addPeer: "Add a peer",
  newProfile: "New profile",
  themeLight: "Light theme",
  themeDark: "Dark theme",
  themeSystem: "Theme of the system",
  compact: "Compact rows",
  comfortable: "Comfortable rows",
  keyboard: "Keyboard shortcuts",
  logout: "Log out",
  verbs: { stop: "Stop", restart: "Restart", pause: "Pause", resume: "Resume", ping: "Ping" },
  ask: {
    stop: (rig: string) => ({ title: `Stop ${rig}?`, text: `All miners of ${rig} stop. They stay stopped until somebody starts them.`, action: "Stop" }),
    restart: (rig: string) => ({ title: `Restart ${rig}?`, text: `All miners of ${rig} stop and start again: some seconds without hashes.`, action: "Restart" }),
    pause: (rig: string) => ({ title: `Pause ${rig}?`, text: `All miners of ${rig} stop hashing and keep their processes.`, action: "Pause" }),
  },
  did: {
    stop: (rig: string) => `${rig}: stopped.`,
    restart: (rig: string) => `${rig}: restarted.`,
    pause: (rig: string) => `${rig}: paused.`,
    resume: (rig: string) => `${rig}: goes on.`,
    ping: (rig: string, ms: string) => `${rig} answers in ${ms} ms.`,
  },
};

export const pulse = {
  label: "The fleet now",
  none: "No rigs yet",
};
