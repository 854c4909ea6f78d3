/** The numbers in a text: one in each line, or separated by commas. */
export function numbersIn(text: string): string[] {
  return text
    .split(/[\n,;]/)
    .map((number) => number.trim())
    .filter(Boolean);
}
