/**
 * A ref for what is modal: nothing else takes the focus or is read meanwhile. Radix hides the rest from screen readers
 * only, where a keyboard or a script may still put the focus.
 */
export function isolate(content: HTMLElement | null): (() => void) | undefined {
  if (!content) return undefined;
  const others = [...document.body.children].filter((child): child is HTMLElement => child instanceof HTMLElement && !child.contains(content) && !child.inert);
  for (const other of others) other.inert = true;
  return () => {
    for (const other of others) other.inert = false;
  };
}
