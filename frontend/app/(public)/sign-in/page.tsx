import type { Metadata } from "next";

import { SignIn } from "./sign-in";
import { en } from "@/lib/strings/en";

export const metadata: Metadata = { title: en.session.signIn };

export default function SignInPage() {
  return <SignIn />;
}
