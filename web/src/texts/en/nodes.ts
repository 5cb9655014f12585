export const nodes = {
  title: "Nodes",
};
