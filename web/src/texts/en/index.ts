export * from "./common";
export * from "./table";
export * from "./overview";
export * from "./nodes";
export * from "./rig";
export * from "./profiles";
export * from "./activity";
export * from "./settings";
