export const find = {
  filter: "Filter",
  found: (n: number, all: number) => `${n.toLocaleString("en")} of ${all.toLocaleString("en")}`,
  none: (typed: string) => `Nothing matches “${typed.length > 40 ? `${typed.slice(0, 40)}…` : typed}”`,
  clear: "Clear the filter",
};
