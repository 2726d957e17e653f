/* hit-grid.tsx - the pictures, and moving among them by keys. One tile at a time is in the tab
 * order, as in any grid. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Hit, SkyObject } from "../api";
import { useKeys } from "../keys";
import type { Settings } from "../settings";
import { HitTile, type TileActions } from "./hit-tile";

type Props = {
  objects: (Hit | SkyObject)[];
  settings: Settings;
  actions: TileActions;
  label: string;
  wall?: boolean; /* pictures only, captions on demand */
  stale?: boolean;
};

/* Tiles in the first row, as laid out. */
function columns(list: HTMLElement): number {
  const tiles = Array.from(list.children) as HTMLElement[];
  const below = tiles.findIndex((tile) => tile.offsetTop > tiles[0].offsetTop);
  return below > 0 ? below : Math.max(tiles.length, 1);
}

export function HitGrid({ objects, settings, actions, label, wall, stale }: Props) {
  const list = useRef<HTMLUListElement>(null);
  const [active, setActive] = useState(0);
  useEffect(() => setActive(0), [objects]);
  useEffect(() => list.current?.style.setProperty("--tile", `${settings.tile}px`), [settings.tile]);

  const move = (step: (columns: number) => number) => () => {
    if (!list.current || objects.length === 0) return;
    const inside = list.current.contains(document.activeElement);
    const wanted = inside ? active + step(columns(list.current)) : active;
    const next = Math.min(Math.max(wanted, 0), objects.length - 1);
    setActive(next);
    const tile = list.current.querySelector<HTMLElement>(`a[data-index="${next}"]`);
    tile?.focus();
    tile?.scrollIntoView({ block: "nearest" });
  };
  const example = (side: "like" | "unlike") => () => {
    const focused = list.current?.contains(document.activeElement);
    if (!focused || !actions.add) return;
    actions.add(objects[active].id, side);
    if (actions.marks) move(() => 1)(); /* on to the next one */
  };
  useKeys(
    {
      ArrowRight: move(() => 1),
      ArrowLeft: move(() => -1),
      ArrowDown: move((n) => n),
      ArrowUp: move((n) => -n),
      Home: move(() => -objects.length),
      End: move(() => objects.length),
      "+": example("like"),
      "-": example("unlike"),
    },
    settings.shortcuts,
  );

  return (
    <ul
      ref={list}
      class={`grid${wall ? " wall" : ""}${stale ? " stale" : ""}`}
      aria-label={label}
      onFocusIn={(event) => {
        const index = (event.target as HTMLElement).dataset.index;
        if (index !== undefined) setActive(Number(index));
      }}
    >
      {objects.map((object, i) => (
        <HitTile
          key={object.id}
          object={object}
          index={i}
          active={i === active}
          settings={settings}
          actions={actions}
        />
      ))}
    </ul>
  );
}

/* Holds the grid's place while the first answer is on its way. */
export function EmptyTiles({ n, wall, settings }: { n: number; wall?: boolean; settings: Settings }) {
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => list.current?.style.setProperty("--tile", `${settings.tile}px`), [settings.tile]);
  return (
    <ul ref={list} class={`grid waiting${wall ? " wall" : ""}`} aria-hidden="true">
      {Array.from({ length: n }, (_, i) => (
        <li class="tile" key={i}>
          <span class="picture" />
          {!wall && <span class="caption" />}
        </li>
      ))}
    </ul>
  );
}
