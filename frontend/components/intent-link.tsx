"use client";

import Link from "next/link";
import { useRouter } from "next/navigation";
import type { ComponentProps } from "react";

/**
 * A link that loads its page ahead when a finger, a mouse or the focus comes near, not as soon as it is seen: on a phone
 * every page of the menu would be paid for on every visit.
 */
export function IntentLink({ href, ...rest }: Omit<ComponentProps<typeof Link>, "href" | "prefetch"> & { href: string }) {
  const router = useRouter();
  const ahead = () => router.prefetch(href);
  return <Link href={href} prefetch={false} onPointerEnter={ahead} onFocus={ahead} {...rest} />;
}
