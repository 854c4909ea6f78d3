import { z } from "zod/mini";

import type { Strings } from "./strings";

/** Bounds of a password, as the server has them. */
export function newPassword({ session }: Strings) {
  return z.string().check(z.minLength(12, session.passwordShort), z.maxLength(200, session.passwordLong));
}

export function personName({ common }: Strings) {
  return z.string().check(z.trim(), z.minLength(1, common.required), z.maxLength(100));
}

export function emailAddress({ session }: Strings) {
  return z.string().check(z.trim(), z.email(session.emailWrong));
}
