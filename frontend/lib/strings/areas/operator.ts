import { addArea } from "..";
import { operator } from "../en/operator";

addArea("operator", { en: operator });
