import Link from "next/link";

import { Button } from "@/components/ui/button";
import { en } from "@/lib/strings/en";

export default function NotFound() {
  return (
    <main className="grid min-h-dvh place-items-center p-6 text-center">
      <div className="grid gap-3">
        <h1 className="text-2xl font-semibold">{en.common.errors.notFound}</h1>
        <Button asChild variant="primary">
          <Link href="/">{en.shell.areas.today}</Link>
        </Button>
      </div>
    </main>
  );
}
