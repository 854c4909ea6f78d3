"use client";

import { KeyRound, LogOut } from "lucide-react";
import Link from "next/link";

import { AccountButton } from "./account";
import { Menu, MenuChoices, MenuItem, MenuLabel, MenuSeparator } from "@/components/ui/menu";
import { describeProblem } from "@/components/ui/states";
import { toast } from "@/components/ui/toast";
import { problemOf } from "@/lib/api/problem";
import { useSession } from "@/lib/session";
import { useStrings } from "@/lib/strings";
import { setTheme, useTheme } from "@/lib/theme";

/** Opens as soon as it is loaded: it was asked for by a press. */
export default function AccountMenu({ compact, side }: { compact?: boolean; side: "top" | "bottom" }) {
  const { shell, common } = useStrings();
  const { me, signOut } = useSession();
  const theme = useTheme();
  const name = me.user?.name ?? common.unknown;
  const leave = (everywhere: boolean) => {
    signOut(everywhere).catch((error: unknown) => {
      const { title, detail } = describeProblem(problemOf(error), common);
      toast({ title, description: detail, tone: "danger" });
    });
  };

  return (
    <Menu defaultOpen trigger={<AccountButton compact={compact} />} align={compact ? "end" : "start"} side={side}>
      <MenuLabel className="max-w-60 truncate">{me.user?.email ?? name}</MenuLabel>
      <MenuSeparator />
      <MenuLabel>{shell.theme}</MenuLabel>
      <MenuChoices
        value={theme}
        onChange={setTheme}
        choices={[
          { value: "system", label: shell.themes.system },
          { value: "light", label: shell.themes.light },
          { value: "dark", label: shell.themes.dark },
        ]}
      />
      <MenuSeparator />
      <MenuItem asChild>
        <Link href="/account/">
          <KeyRound aria-hidden />
          {shell.accountPage}
        </Link>
      </MenuItem>
      <MenuItem onSelect={() => leave(false)}>
        <LogOut aria-hidden />
        {shell.signOut}
      </MenuItem>
      <MenuItem onSelect={() => leave(true)}>
        <LogOut aria-hidden />
        {shell.signOutEverywhere}
      </MenuItem>
    </Menu>
  );
}
