"use client";

import { usePathname } from "next/navigation";

import { IntentLink } from "@/components/intent-link";
import { cn } from "@/lib/cn";
import { isCurrent, navigation, type NavigationItem } from "@/lib/navigation";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";

/** The areas that whoever is signed in may enter. */
function useAreas(): { business: NavigationItem[]; platform: NavigationItem[] } {
  const { can, operator } = useSession();
  const allowed = navigation.filter((item) => can(item.permission));
  return {
    business: allowed.filter((item) => item.reach === "tenant"),
    platform: operator ? allowed.filter((item) => item.reach === "platform") : [],
  };
}

export function NavigationList() {
  const { shell } = useStrings();
  const { business, platform } = useAreas();
  const groups = [
    // What is looked at every day comes first; for the operator, whose business it is needs saying.
    { title: platform.length > 0 ? shell.groups.business : null, items: business.filter((item) => item.bar) },
    { title: shell.groups.settings, items: business.filter((item) => !item.bar) },
    { title: shell.groups.platform, items: platform },
  ].filter((group) => group.items.length > 0);
  return (
    <div className="grid gap-4">
      {groups.map((group) => (
        <div key={group.title ?? "daily"}>
          {group.title ? <p className="px-2.5 pb-1.5 text-xs font-medium text-ink-muted">{group.title}</p> : null}
          <ul className="grid gap-0.5">
            {group.items.map((item) => (
              <li key={item.href}>
                <AreaLink item={item} />
              </li>
            ))}
          </ul>
        </div>
      ))}
    </div>
  );
}

function AreaLink({ item }: { item: NavigationItem }) {
  const { shell } = useStrings();
  const current = isCurrent(item.href, usePathname());
  return (
    <IntentLink
      href={item.href}
      aria-current={current ? "page" : undefined}
      className={cn(
        "flex min-h-10 items-center gap-3 rounded-lg px-2.5 font-medium",
        current ? "bg-accent-soft text-accent" : "text-ink-muted hover:bg-subtle hover:text-ink",
      )}
    >
      <item.icon aria-hidden className="size-[1.125rem]" />
      {shell.areas[item.area]}
    </IntentLink>
  );
}

/** The four areas that a thumb reaches. */
export function BottomBar() {
  const { shell } = useStrings();
  const path = usePathname();
  const items = useAreas().business.filter((item) => item.bar);
  if (items.length === 0) return null;
  return (
    <nav aria-label={shell.navigation} className="fixed inset-x-0 bottom-0 z-30 border-t border-line bg-surface pb-[env(safe-area-inset-bottom)] md:hidden">
      <ul className="flex">
        {items.map((item) => {
          const current = isCurrent(item.href, path);
          return (
            <li key={item.href} className="flex-1">
              <IntentLink
                href={item.href}
                aria-current={current ? "page" : undefined}
                className={cn("flex h-16 flex-col items-center justify-center gap-1 text-xs font-medium focus-visible:outline-offset-[-3px]", current ? "text-accent" : "text-ink-muted")}
              >
                <item.icon aria-hidden className="size-5" />
                {shell.areas[item.area]}
              </IntentLink>
            </li>
          );
        })}
      </ul>
    </nav>
  );
}
