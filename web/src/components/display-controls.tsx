/* display-controls.tsx - how pictures look: stretch, invert, size. */

import { STRETCHES, TILE_MAX, TILE_MIN, type Settings } from "../settings";
import { Icon } from "./icon";

const NAMES = { viewer: "Viewer", faint: "Faint", bright: "Bright" };
const HINTS = {
  viewer: "As the Legacy Survey viewer shows it",
  faint: "Brings up faint arcs and halos",
  bright: "Keeps bright cores from burning out",
};

type Props = { settings: Settings; change: (part: Partial<Settings>) => void };

export function DisplayControls({ settings, change }: Props) {
  return (
    <div class="display-controls">
      <fieldset class="segments">
        <legend class="unseen">Stretch (S)</legend>
        {STRETCHES.map((stretch) => (
          <label key={stretch} title={HINTS[stretch]}>
            <input
              type="radio"
              name="stretch"
              checked={settings.stretch === stretch}
              onChange={() => change({ stretch })}
            />
            <span>{NAMES[stretch]}</span>
          </label>
        ))}
      </fieldset>
      <button
        type="button"
        class="quiet"
        aria-pressed={settings.invert}
        title="Dark on light (I)"
        onClick={() => change({ invert: !settings.invert })}
      >
        <Icon name="invert" />
        <span>Invert</span>
      </button>
      <label class="size">
        <Icon name="tiles" />
        <span class="unseen">Picture size</span>
        <input
          type="range"
          title="Picture size"
          min={TILE_MIN}
          max={TILE_MAX}
          step={4}
          value={settings.tile}
          onInput={(event) => change({ tile: Number(event.currentTarget.value) })}
        />
      </label>
    </div>
  );
}
