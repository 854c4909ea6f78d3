import { calls } from "./calls";
import { common } from "./common";
import { live } from "./live";
import { session } from "./session";
import { shell } from "./shell";
import { today } from "./today";

/** What every page loads: the shell and the owner's daily pages. Other areas come with their pages: `../areas/`. */
export const core = { common, shell, session, today, calls, live };
