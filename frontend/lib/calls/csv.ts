/**
 * A cell for a spreadsheet. Callers choose words in here, and a spreadsheet takes a cell that begins like a formula for
 * one: such a cell gets an apostrophe in front. Telephone numbers begin with `+`, and stay as they are.
 */
export function csvCell(value: string): string {
  const formula = /^[=+\-@\t\r]/.test(value) && !/^\+\d+$/.test(value);
  const safe = formula ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** With a byte order mark, without which Excel reads UTF-8 as something else. */
export function csv(rows: readonly (readonly string[])[]): string {
  return `\uFEFF${rows.map((row) => row.map(csvCell).join(",")).join("\r\n")}\r\n`;
}
