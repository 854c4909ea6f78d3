import { addArea } from "..";
import { agent } from "../en/agent";

addArea("agent", { en: agent });
