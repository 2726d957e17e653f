/* results.tsx - a search's page: the query beside the pictures that resemble it. */

import type { Info } from "../api";
import { filterParams, type Filters } from "../route";
import type { Found } from "../search";
import type { Settings } from "../settings";
import { DisplayControls } from "./display-controls";
import { Downloads } from "./downloads";
import { FilterForm } from "./filters";
import { Fold } from "./fold";
import { EmptyTiles, HitGrid } from "./hit-grid";
import type { TileActions } from "./hit-tile";
import { RandomWeights, randomWeights, Warnings, warningsOf } from "./notices";
import { NothingPasses } from "./nothing-passes";
import { QueryPanel } from "./query-panel";

type Props = {
  found: Found | null; /* null: the first answer is still on its way */
  loading: boolean;
  filters: Filters;
  info: Info | null;
  settings: Settings;
  changeSettings: (part: Partial<Settings>) => void;
  changeFilters: (filters: Filters) => void;
  removeExample: (id: string) => void;
  madeProbe: (name: string) => void;
  actions: TileActions;
};

function summary(found: Found | null, loading: boolean): string {
  if (loading || !found) return "Searching…";
  const n = found.answer.hits.length;
  if (n === 0) return "No galaxies";
  return n === 1 ? "1 galaxy, the most alike" : `${n} galaxies, most alike first`;
}

export function Results(props: Props) {
  const { found, loading, settings, info } = props;
  const answer = found?.answer;
  const warnings = warningsOf(answer);
  const empty = answer?.hits.length === 0 && !loading;
  return (
    <main class="results" aria-busy={loading}>
      <aside class="side">
        {found ? (
          <QueryPanel
            found={found}
            settings={settings}
            removeExample={props.removeExample}
            madeProbe={props.madeProbe}
          />
        ) : (
          <section class="query">
            <div class="query-picture">
              <span class="picture" />
            </div>
          </section>
        )}
      </aside>
      <div class="hits">
        {randomWeights(info, answer) && <RandomWeights />}
        {!empty && <Warnings warnings={warnings} />}
        <div class="toolbar">
          <p class="summary" role="status" aria-live="polite">
            {summary(found, loading)}
          </p>
          <DisplayControls settings={settings} change={props.changeSettings} />
        </div>
        <Fold title="Filters" unfolded={filterParams(props.filters).length > 0}>
          <FilterForm
            filters={props.filters}
            kMax={info?.limits?.k_max ?? 1000}
            change={props.changeFilters}
          />
        </Fold>
        {found ? (
          <HitGrid
            objects={found.answer.hits}
            settings={settings}
            actions={props.actions}
            label="Galaxies that look like it"
            stale={loading}
          />
        ) : (
          <EmptyTiles n={24} settings={settings} />
        )}
        {empty && (
          <NothingPasses warnings={warnings} filters={props.filters} change={props.changeFilters} />
        )}
        {found && found.answer.hits.length > 0 && <Downloads found={found} />}
      </div>
    </main>
  );
}
