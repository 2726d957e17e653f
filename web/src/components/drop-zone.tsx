/* drop-zone.tsx - the whole window takes a dropped or pasted file. */

import { useEffect, useRef, useState } from "preact/hooks";
import { fileOf } from "../upload";

function carriesFile(data: DataTransfer | null): boolean {
  return !!data && Array.from(data.types).includes("Files");
}

export function DropZone({ take }: { take: (file: File) => void }) {
  const [over, setOver] = useState(false);
  const latest = useRef(take);
  latest.current = take;
  useEffect(() => {
    let depth = 0; /* enter and leave come for every element on the way */
    const enter = (event: DragEvent) => {
      if (carriesFile(event.dataTransfer)) setOver(++depth > 0);
    };
    const leave = () => {
      depth = Math.max(0, depth - 1);
      if (depth === 0) setOver(false);
    };
    const hover = (event: DragEvent) => {
      if (carriesFile(event.dataTransfer)) event.preventDefault();
    };
    const drop = (event: DragEvent) => {
      depth = 0;
      setOver(false);
      const file = fileOf(event.dataTransfer);
      if (!file) return;
      event.preventDefault();
      latest.current(file);
    };
    const paste = (event: ClipboardEvent) => {
      const file = fileOf(event.clipboardData);
      if (!file) return;
      event.preventDefault();
      latest.current(file);
    };
    const on: [string, (event: never) => void][] = [
      ["dragenter", enter], ["dragleave", leave], ["dragover", hover], ["drop", drop], ["paste", paste],
    ];
    for (const [name, act] of on) document.addEventListener(name, act as EventListener);
    return () => on.forEach(([name, act]) => document.removeEventListener(name, act as EventListener));
  }, []);
  return (
    <div class={`drop-zone${over ? " over" : ""}`} aria-hidden="true">
      <p>
        Drop it to find what looks like it
        <small>FITS cube, JPEG or PNG</small>
      </p>
    </div>
  );
}
