import type { ReactNode } from "react";

import { Mark } from "@/components/shell/mark";

export default function PublicLayout({ children }: { children: ReactNode }) {
  return (
    <main className="mx-auto flex min-h-dvh w-full max-w-md flex-col justify-center px-5 py-10">
      <Mark className="mb-8" />
      {children}
    </main>
  );
}
