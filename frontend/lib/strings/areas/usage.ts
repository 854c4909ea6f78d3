import { addArea } from "..";
import { usage } from "../en/usage";

addArea("usage", { en: usage });
