/* fold.tsx - open where there is room, folded on a phone, where the pictures come first. */

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

export function Fold({ title, children }: { title: string; children: ComponentChildren }) {
  const [open, setOpen] = useState(() => matchMedia("(min-width: 761px)").matches);
  return (
    <details class="fold" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{title}</summary>
      {children}
    </details>
  );
}
