"use client";

import { QueryClientProvider } from "@tanstack/react-query";
import dynamic from "next/dynamic";
import { type ReactNode, useState } from "react";

import { newQueryClient } from "@/lib/query";
import { StringsProvider } from "@/lib/strings";

// Not part of the first load, and not of the exported pages: Radix writes a style attribute there, which the policy forbids.
const Toaster = dynamic(() => import("@/components/ui/toaster").then((module) => module.Toaster), { ssr: false });

export function Providers({ children }: { children: ReactNode }) {
  const [client] = useState(newQueryClient);
  return (
    <StringsProvider>
      <QueryClientProvider client={client}>
        {children}
        <Toaster />
      </QueryClientProvider>
    </StringsProvider>
  );
}
