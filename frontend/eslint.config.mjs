import { defineConfig, globalIgnores } from "eslint/config";
import nextVitals from "eslint-config-next/core-web-vitals";
import nextTypescript from "eslint-config-next/typescript";

export default defineConfig([
  ...nextVitals,
  ...nextTypescript,
  {
    rules: {
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", ignoreRestSiblings: true }],
      "no-console": "error",
      "max-lines": ["error", 600],
      // What scripts can read holds no credential; a person's choices go through lib/preferences.ts.
      "no-restricted-globals": ["error", "localStorage", "sessionStorage"],
    },
  },
  { files: ["scripts/**", "e2e/**"], rules: { "no-console": "off", "no-restricted-globals": "off" } },
  globalIgnores([".next/**", "out/**", "next-env.d.ts", "lib/api/schema.d.ts"]),
]);
