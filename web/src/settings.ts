/* settings.ts - how pictures are shown. A person's habit, so it stays in the browser and out of the
 * permalink. */

import { useCallback, useState } from "preact/hooks";

export const STRETCHES = ["viewer", "faint", "bright"] as const;
export type Stretch = (typeof STRETCHES)[number];
export type Settings = { stretch: Stretch; invert: boolean; tile: number; shortcuts: boolean };

export const TILE_MIN = 88;
export const TILE_MAX = 320;
const KEY = "nearsky.pictures";
const DEFAULTS: Settings = { stretch: "viewer", invert: false, tile: 176, shortcuts: true };

function read(): Settings {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return {
      stretch: STRETCHES.includes(kept.stretch) ? kept.stretch : DEFAULTS.stretch,
      invert: kept.invert === true,
      tile: kept.tile >= TILE_MIN && kept.tile <= TILE_MAX ? Number(kept.tile) : DEFAULTS.tile,
      shortcuts: kept.shortcuts !== false,
    };
  } catch {
    return DEFAULTS; /* storage is off, or holds something else */
  }
}

function write(settings: Settings): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(settings));
  } catch {
    /* storage is off: the choice lasts for this visit */
  }
}

export function nextStretch(stretch: Stretch): Stretch {
  return STRETCHES[(STRETCHES.indexOf(stretch) + 1) % STRETCHES.length];
}

/* Few sizes, so that caches are hit. A survey's stamp has 152 pixels a side: twice that shows all
 * of it on dense screens too. */
export function pictureSize(cssPixels: number): number {
  const wanted = cssPixels * Math.min(window.devicePixelRatio || 1, 2);
  return wanted <= 160 ? 152 : wanted <= 460 ? 304 : 608;
}

export function useSettings(): [Settings, (change: Partial<Settings>) => void] {
  const [settings, set] = useState(read);
  const change = useCallback((part: Partial<Settings>) => {
    set((old) => {
      const next = { ...old, ...part };
      write(next);
      return next;
    });
  }, []);
  return [settings, change];
}
