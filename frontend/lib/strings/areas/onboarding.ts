import { addArea } from "..";
import { onboarding } from "../en/onboarding";

addArea("onboarding", { en: onboarding });
