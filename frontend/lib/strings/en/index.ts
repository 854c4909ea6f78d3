import { agent } from "./agent";
import { core } from "./core";
import { onboarding } from "./onboarding";
import { operator } from "./operator";
import { people } from "./people";
import { talk } from "./talk";
import { usage } from "./usage";

/**
 * The whole English catalogue: one file an area, so that areas change without touching each other. For the server (titles
 * of pages) and for types; what runs in the browser takes `useStrings`, which loads an area with its pages.
 */
export const en = { ...core, agent, onboarding, operator, people, talk, usage };
