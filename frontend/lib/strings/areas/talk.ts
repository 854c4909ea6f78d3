import { addArea } from "..";
import { talk } from "../en/talk";

addArea("talk", { en: talk });
