"use client";

import { useMutation } from "@tanstack/react-query";
import { Download } from "lucide-react";

import { useComplain } from "@/components/complain";
import { Button } from "@/components/ui/button";
import { toast } from "@/components/ui/toast";
import type { Scope } from "@/lib/data/scope";
import { loadUsageExport } from "@/lib/data/usage";
import { download } from "@/lib/download";
import { useStrings } from "@/lib/strings";

export function ExportUsage({ month, scope }: { month: string; scope: Scope }) {
  const { usage: words } = useStrings();
  const complain = useComplain();
  const load = useMutation({
    mutationFn: () => loadUsageExport(month, scope),
    onError: complain,
    onSuccess: (blob) => {
      download(blob, `vca-usage-${month}.csv`);
      toast({ title: words.exported });
    },
  });
  return (
    <Button className="h-11" pending={load.isPending} onClick={() => load.mutate()}>
      <Download aria-hidden />
      {words.export}
    </Button>
  );
}
