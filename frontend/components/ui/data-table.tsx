"use client";

import { type ColumnDef, type RowData, tableFeatures, useTable } from "@tanstack/react-table";
import type { KeyboardEvent, ReactNode } from "react";

import { cn } from "@/lib/cn";

/** Rows come sorted and paged by the server: the table needs nothing but columns. */
export const features = tableFeatures({});

export type Column<Row extends RowData> = ColumnDef<typeof features, Row> & { meta?: { className?: string } };

interface DataTableProps<Row extends RowData> {
  /** Stable between renders. */
  columns: Column<Row>[];
  /** Stable between renders. */
  rows: Row[];
  rowId: (row: Row) => string;
  /** What the table is, for screen readers. */
  caption: string;
  className?: string;
  /** Whether each row has a link with `data-row` that covers it; the arrow keys then move through the rows. */
  linked?: boolean;
  empty?: ReactNode;
}

/** A dense table for the operator's screens. Below its width it scrolls sideways in a region that the keyboard reaches. */
export function DataTable<Row extends RowData>({ columns, rows, rowId, caption, className, linked, empty }: DataTableProps<Row>) {
  const table = useTable({ features, columns, data: rows, getRowId: rowId });
  if (rows.length === 0 && empty) return empty;
  return (
    <div role="region" aria-label={caption} tabIndex={0} onKeyDown={linked ? moveThroughRows : undefined} className={cn("relative overflow-x-auto", className)}>
      <table className="w-full text-sm">
        <caption className="sr-only">{caption}</caption>
        <thead>
          {table.getHeaderGroups().map((group) => (
            <tr key={group.id} className="border-b border-line text-left text-xs text-ink-muted">
              {group.headers.map((header) => (
                <th key={header.id} scope="col" className={cn("px-4 py-2.5 font-medium whitespace-nowrap", metaClass(header.column.columnDef.meta))}>
                  {header.isPlaceholder ? null : <table.FlexRender header={header} />}
                </th>
              ))}
            </tr>
          ))}
        </thead>
        <tbody className="divide-y divide-line">
          {table.getRowModel().rows.map((row) => (
            <tr key={row.id} className={cn("hover:bg-subtle/60", linked && "relative focus-within:bg-subtle/60")}>
              {row.getAllCells().map((cell) => (
                <td key={cell.id} className={cn("px-4 py-2.5 align-top", metaClass(cell.column.columnDef.meta))}>
                  <table.FlexRender cell={cell} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Arrow keys, Home and End move between the elements with `data-row` in the list or table that handles them. */
export function moveThroughRows(event: KeyboardEvent<HTMLElement>): void {
  const steps: Record<string, (at: number, count: number) => number> = {
    ArrowDown: (at, count) => Math.min(at + 1, count - 1),
    ArrowUp: (at) => Math.max(at - 1, 0),
    Home: () => 0,
    End: (_, count) => count - 1,
  };
  const step = steps[event.key];
  if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
  const rows = [...event.currentTarget.querySelectorAll<HTMLElement>("[data-row]")];
  if (rows.length === 0) return;
  const at = rows.findIndex((row) => row === document.activeElement);
  rows[step(at, rows.length)]?.focus();
  event.preventDefault();
}

function metaClass(meta: unknown): string | undefined {
  if (typeof meta !== "object" || meta === null || !("className" in meta)) return undefined;
  return typeof meta.className === "string" ? meta.className : undefined;
}
