export const rig = {
  title: "Rig",
};
