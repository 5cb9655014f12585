import { count } from "./common";

export const profiles = {
  title: "Profiles",
  intro: "What miners run: a pool, who is paid, and how hard the machine works.",
  create: "New profile",
  import: "Import",
  export: "Export",
  filter: "Filter by name, pool, wallet or miner",
  loading: "Loading profiles…",
  empty: { title: "No profiles yet", text: "A profile says which pool a miner works for and who is paid. Rigs run what you assign to them." },
  noneMatch: (words: string) => `No profile matches “${words}”.`,
  running: (rigs: number) => (rigs ? `runs on ${count(rigs, "rig")}` : "runs nowhere"),
  scheduled: (rigs: number) => `${count(rigs, "schedule")} ask for it`,
  pools: (further: number) => `and ${count(further, "further pool")}`,
  noWallet: "no wallet",

  exported: (n: number) => `${count(n, "profile")} written to a file.`,
  exportAsk: {
    title: "Export profiles with passwords?",
    text: "The file has the pools' passwords in readable form. Keep it where only you can read it.",
    action: "Export",
  },
};

export const editor = {
  newTitle: "New profile",
  loading: "Loading the profile…",
  name: "Name",
  nameHint: "How you and the rigs call it.",
  minerType: "Miner",
  minerTypeHint: "The program that runs it. Fields that it does not heed are not shown.",
  groups: {
    pool: "Where it mines",
    more: "Further pools",
    cpu: "CPU",
    gpu: "GPUs",
    manners: "Manners",
    other: "Further settings",
  },
  leftOut: (value: string) => `Left out: ${value}.`,
  takes: (what: string) => `Takes ${what}.`,
  knownPools: "Known pools",
  sight: (pool: string, coin: string) => [pool, coin].filter(Boolean).join(", "),
  showPassword: "Show the password",
  hidePassword: "Hide the password",
  byTheMiner: "the miner chooses",
  nothing: "nothing",
  failover: (n: number) => `Pool ${n + 2}, when those before it fail`,
  gpuPool: "A pool of their own for the GPUs",
  addFailover: "Add a pool",
  addGpuPool: "Add a pool for the GPUs",
  removePool: "Remove this pool",
  inherited: "What is left empty is the first pool's.",
  onePerLine: "One argument a line.",

  save: "Save",
  create: "Create profile",
  discard: "Discard changes",
  saved: (name: string) => `${name} is saved. What runs goes on with what it was started with: assign it to change that.`,
  created: (name: string) => `${name} is there. Assign it to rigs to run it.`,
  unsaved: "Unsaved changes",
  leave: "Leave without saving? What you changed is lost.",
  wrong: (n: number) => `${count(n, "thing")} to mend before it can be saved`,
  ok: "All is well.",
  advice: (n: number) => `It can be saved; ${count(n, "thing")} to know`,
  checking: "Checking…",
  readOnly: "You may look at profiles here, and not change them.",
  changedMeanwhile: "Somebody else changed this profile while you did.",
  takeTheirs: "Show theirs, drop mine",
  overwrite: "Save mine over it",

  duplicate: "Duplicate",
  copyOf: (name: string) => `${name}-copy`,
  remove: "Delete",
  removeAsk: (name: string, uses: number) => ({
    title: `Delete ${name}?`,
    text: uses
      ? `${count(uses, "miner")} run it and go on with it; nothing new can be started from it. Its versions are deleted too. This cannot be undone.`
      : "It runs nowhere. Its versions are deleted too. This cannot be undone.",
    action: "Delete profile",
  }),
  removed: (name: string) => `${name} is deleted.`,
  assign: "Assign to rigs",

  tabs: { preview: "What a rig gets", uses: "In use", versions: "Versions" },
};

export const preview = {
  waiting: "The preview comes when nothing is wrong any more.",
  part: { cpu: "CPU", gpu: "GPUs" } as Record<string, string>,
  command: "Command line",
  linux: "Linux",
  windows: "Windows",
  env: "Environment",
  copyFile: (name: string) => `Copy ${name}`,
  copyCommand: "Copy the command line",
  depends: "On each rig it differs in this",
  hidden: "Passwords are hidden from viewers.",
};

export const uses = {
  empty: "No rig runs it, and no schedule asks for it.",
  versions: { same: "this version", older: "an older version", other: "another version" } as Record<string, string>,
  scheduled: "its schedule asks for it",
  old: (age: string) => `seen ${age} ago`,
  offline: "offline",
};

export const versions = {
  now: "Now",
  unknown: "at an unknown time",
  revert: "Go back to this",
  revertAsk: (when: string) => ({
    title: "Go back to this version?",
    text: `The profile becomes again what it was ${when}. What it is now stays as a version. What runs goes on.`,
    action: "Go back",
  }),
  reverted: "The profile is what it was. Assign it to have rigs run it.",
  changes: (n: number) => `${count(n, "field")} differ from the version after it`,
  first: "the first one",
};

export const assign = {
  title: (name: string) => `Assign ${name}`,
  who: "To which rigs",
  all: "All rigs",
  tags: "Rigs with a tag",
  some: "Chosen rigs",
  chooseTag: "Tag",
  noTags: "No rig has a tag yet. Tags are given on the Nodes page.",
  filterRigs: "Filter rigs",
  chosen: (n: number) => `${count(n, "rig")} chosen`,
  choose: (name: string) => `Choose ${name}`,
  how: "What happens to what runs there",
  replace: "It makes way",
  beside: "It goes on, and this runs beside it",
  preview: "What would change",
  planning: "Asking what would change…",
  changes: {
    start: "starts a miner",
    replace: "replaces what runs",
    restart: "restarts with this version",
    none: "runs it already",
    offline: "offline: not told",
    refused: "would refuse",
    unknown: "has not told what runs there",
  } as Record<string, string>,
  from: (before: string, after: string) => `${before} → ${after}`,
  nothing: "nothing",
  none: "Nothing would change.",
  submit: (rigs: number) => `Change ${count(rigs, "rig")}`,
  started: (rigs: number) => `${count(rigs, "rig")} are being told.`,
  watch: "Watch",
};

export const poolPicker = {
  title: "Known pools",
  note: (asOf: string) => `Hosts and ports as published${asOf}; no pool is asked. The pool's site has the present ones.`,
  filter: "Filter by pool, coin or algorithm",
  region: "Region",
  port: "Port",
  tls: (port: number) => `${port}, encrypted`,
  plain: (port: number) => `${port}`,
  use: "Use",
  useOf: (pool: string, coin: string) => `Use ${pool} for ${coin}`,
  none: "No known pool matches. Any other can be typed.",
  user: {
    "wallet": "Takes a wallet address",
    "wallet.worker": "Takes ADDRESS.WORKER",
    "wallet.worker/email": "Takes ADDRESS.WORKER/EMAIL",
    "account.worker": "Takes ACCOUNT.WORKER",
    "COIN:wallet.worker": "Takes COIN:ADDRESS.WORKER",
    "any": "Takes anything",
  } as Record<string, string>,
};

export const importing = {
  title: "Import profiles",
  text: "A file that this page or miner-ctrl profile export wrote, in YAML or JSON, 1 MiB at most. All of it is kept, or nothing.",
  file: "File",
  document: "Or its text",
  tooLarge: "The file is larger than 1 MiB.",
  found: (n: number) => `${count(n, "profile")} in the file`,
  taken: "there is one of this name",
  same: "is there already",
  replace: "Put them in place of profiles of the same names",
  inspect: "Read",
  submit: (n: number) => `Import ${count(n, "profile")}`,
  done: (created: number, replaced: number, unchanged: number) =>
    [`${created} created`, replaced && `${replaced} replaced`, unchanged && `${unchanged} unchanged`].filter(Boolean).join(", ") + ".",
};
