/* fold.tsx - open where there is room, folded on a phone, where the pictures come first. */

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

type Props = { title: string; unfolded?: boolean; children: ComponentChildren };

export function Fold({ title, unfolded, children }: Props) {
  const [open, setOpen] = useState(() => unfolded || matchMedia("(min-width: 761px)").matches);
  return (
    <details class="fold" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{title}</summary>
      {children}
    </details>
  );
}
