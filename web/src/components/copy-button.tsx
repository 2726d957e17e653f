/* copy-button.tsx - puts a text on the clipboard and says so. */

import { useState } from "preact/hooks";
import { Icon } from "./icon";

export function CopyButton({ text, label }: { text: string; label: string }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setDone(true);
      setTimeout(() => setDone(false), 1600);
    } catch {
      /* no permission, or not a secure origin: the text stays selectable */
    }
  };
  if (!navigator.clipboard) return null;
  return (
    <button type="button" class="tiny" onClick={copy} aria-label={label} title={label}>
      <Icon name={done ? "check" : "copy"} />
      <span class="unseen" aria-live="polite">
        {done ? "copied" : ""}
      </span>
    </button>
  );
}
