import { addArea } from "..";
import { people } from "../en/people";

addArea("people", { en: people });
