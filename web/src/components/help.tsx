/* help.tsx - what the page does, and its keys. */

import { useEffect, useRef } from "preact/hooks";
import type { Settings } from "../settings";

const KEYS = [
  ["/", "go to the search box"],
  ["← ↑ ↓ →", "move among the pictures"],
  ["Enter", "search from this one"],
  ["+  −", "more like this, less like this; for a probe: yes, no"],
  ["L", "let a probe learn from the marks"],
  ["S", "next stretch"],
  ["I", "invert"],
  ["R", "random galaxy"],
  ["?", "this help"],
];

type Props = {
  open: boolean;
  close: () => void;
  settings: Settings;
  change: (part: Partial<Settings>) => void;
};

export function Help({ open, close, settings, change }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const d = dialog.current;
    if (open && d && !d.open) d.showModal();
    if (!open && d?.open) d.close();
  }, [open]);
  return (
    <dialog
      ref={dialog}
      class="help"
      aria-labelledby="help-title"
      onClose={close}
      onClick={(event) => event.target === dialog.current && close()}
    >
      <div class="help-body">
        <h1 id="help-title">Searching by likeness</h1>
        <p>
          A neural network turned every galaxy of the survey into a list of numbers. Galaxies whose
          lists agree look alike to it. The number under each picture is that agreement, the cosine of
          the two lists: 1 is the same picture.
        </p>
        <p>
          Search by position in degrees (<code>150.1 2.2</code>) or sexagesimal
          (<code>10:00:28.6 +02:12:21</code>), by id, by name, by a pasted Legacy Survey link, or by a
          picture of your own: drop, paste or open a FITS cube, JPEG or PNG.
        </p>
        <p>
          From examples, a probe learns to tell one kind from all others, ranks the whole survey by it
          and says how sure it is. Gather examples with + and −, then give the probe a name.
        </p>
        <dl class="keys">
          {KEYS.map(([key, does]) => (
            <div key={key}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{does}</dd>
            </div>
          ))}
        </dl>
        <label class="check">
          <input
            type="checkbox"
            checked={settings.shortcuts}
            onChange={(event) => change({ shortcuts: event.currentTarget.checked })}
          />
          Single-key shortcuts
        </label>
        <button type="button" class="primary" onClick={close} autofocus>
          Close
        </button>
      </div>
    </dialog>
  );
}
