import type { ReactNode } from "react";

import { Shell } from "@/components/shell/shell";
import { earlyScript } from "@/lib/early";

export default function AppLayout({ children }: { children: ReactNode }) {
  return (
    <>
      <script dangerouslySetInnerHTML={{ __html: earlyScript }} />
      <Shell>{children}</Shell>
    </>
  );
}
