/* hit-tile.tsx - one picture of the grid. A real link, so that tabs, copying and keys work on it. */

import type { Hit, RankedHit, SkyObject } from "../api";
import { capital, fixed, knownAs, percent, redshift, title } from "../format";
import { onPlainClick } from "../history";
import { pictureSize, type Settings } from "../settings";
import { Icon } from "./icon";
import { Picture } from "./picture";

export type TileActions = {
  href: (id: string) => string;
  go: (id: string) => void;
  add?: (id: string, side: Side) => void;
  /* Where tiles are marked for a probe, not searched from: what is marked already. */
  marks?: Map<string, Side>;
};

export type Side = "like" | "unlike";

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
  const probability = "probability" in object ? (object as RankedHit).probability : undefined;
  const novelty = "novelty" in object ? (object as RankedHit).novelty : undefined;
  const mark = actions.marks?.get(object.id);
  const more = actions.marks ? "yes, it is one" : "more like this";
  const less = actions.marks ? "no, it is none" : "less like this";
  return (
    <li class={`tile${mark ? ` marked-${mark}` : ""}`} data-id={object.id} data-name={object.name ?? ""} data-similarity={similarity ?? undefined}>
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
            {probability !== undefined && (
              <b title="Probability, at the prevalence stated for this probe">{percent(probability)}</b>
            )}
            {typeof novelty === "number" && novelty > 1 && (
              <span class="novel" title={`Unlike what the probe learned from (novelty ${fixed(novelty, 1)}): look before trusting it`}>
                unfamiliar
              </span>
            )}
            {typeof object.mag_r === "number" && <span>r {object.mag_r.toFixed(2)}</span>}
            {redshift(object) && <span>{redshift(object)}</span>}
          </span>
          <span class="name" title={name}>
            {name}
          </span>
        </span>
        {similarity !== undefined && <span class="unseen">, similarity {fixed(similarity, 3)}</span>}
        {probability !== undefined && <span class="unseen">, probability {percent(probability)}</span>}
        {mark && <span class="mark">{mark === "like" ? "yes" : "no"}</span>}
      </a>
      {add && (
        <span class="tile-buttons">
          <button type="button" tabIndex={-1} aria-pressed={actions.marks ? mark === "like" : undefined} aria-label={`${capital(more)}: ${name}`} title={`${capital(more)} (+)`} onClick={() => add(object.id, "like")}>
            <Icon name="plus" />
          </button>
          <button type="button" tabIndex={-1} aria-pressed={actions.marks ? mark === "unlike" : undefined} aria-label={`${capital(less)}: ${name}`} title={`${capital(less)} (−)`} onClick={() => add(object.id, "unlike")}>
            <Icon name="minus" />
          </button>
        </span>
      )}
    </li>
  );
}
