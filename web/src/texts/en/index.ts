export * from "./common";
export * from "./overview";
export * from "./nodes";
export * from "./rig";
export * from "./profiles";
export * from "./activity";
export * from "./settings";
export * from "./chart";
