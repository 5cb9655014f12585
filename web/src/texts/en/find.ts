import { whole } from "../../format/whole";

export const find = {
  filter: "Filter",
  found: (n: number, all: number) => `${whole(n)} of ${whole(all)}`,
  none: (typed: string) => `Nothing matches “${typed.length > 40 ? `${typed.slice(0, 40)}…` : typed}”`,
  clear: "Clear the filter",
};
