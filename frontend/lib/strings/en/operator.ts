export const operator = {
  secretHint: "It is told this once. Copy it now.",
};
