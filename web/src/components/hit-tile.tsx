/* hit-tile.tsx - one picture of the grid. A real link, so that tabs, copying and keys work on it. */

import type { Hit, SkyObject } from "../api";
import { fixed, knownAs, redshift, title } from "../format";
import { onPlainClick } from "../history";
import { pictureSize, type Settings } from "../settings";
import { Icon } from "./icon";
import { Picture } from "./picture";

export type TileActions = {
  href: (id: string) => string;
  go: (id: string) => void;
  add?: (id: string, side: "like" | "unlike") => void;
};

type Props = {
  object: SkyObject | Hit;
  index: number;
  active: boolean;
  settings: Settings;
  actions: TileActions;
};

export function HitTile({ object, index, active, settings, actions }: Props) {
  const similarity = "similarity" in object ? object.similarity : undefined;
  const known = knownAs(object);
  const name = title(object);
  const artefact = "artefact" in object && typeof object.artefact === "number" && object.artefact > 0.5 ? object.artefact : null;
  const add = actions.add;
  return (
    <li class="tile" data-id={object.id} data-name={object.name ?? ""} data-similarity={similarity ?? undefined}>
      <a
        href={actions.href(object.id)}
        tabIndex={active ? 0 : -1}
        data-index={index}
        onClick={onPlainClick(() => actions.go(object.id))}
      >
        <Picture object={object} size={pictureSize(settings.tile)} settings={settings} eager={index < 12} />
        {known && <span class="badge">{known}</span>}
        {artefact !== null && (
          <span
            class="badge badge-artefact"
            title={`Probably not a galaxy but a trail, a ghost or a damaged image: ${fixed(artefact, 2)} by the guard of the network`}
          >
            artefact?
          </span>
        )}
        <span class="caption" aria-hidden="true">
          <span class="caption-first">
            {similarity !== undefined && <b>{fixed(similarity, 4)}</b>}
            {typeof object.mag_r === "number" && <span>r {object.mag_r.toFixed(2)}</span>}
            {redshift(object) && <span>{redshift(object)}</span>}
          </span>
          <span class="name" title={name}>
            {name}
          </span>
        </span>
        {similarity !== undefined && <span class="unseen">, similarity {fixed(similarity, 3)}</span>}
      </a>
      {add && (
        <span class="tile-buttons">
          <button type="button" tabIndex={-1} aria-label={`More like ${name}`} title="More like this (+)" onClick={() => add(object.id, "like")}>
            <Icon name="plus" />
          </button>
          <button type="button" tabIndex={-1} aria-label={`Less like ${name}`} title="Less like this (−)" onClick={() => add(object.id, "unlike")}>
            <Icon name="minus" />
          </button>
        </span>
      )}
    </li>
  );
}
