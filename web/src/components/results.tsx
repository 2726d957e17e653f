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
import { RandomWeights, randomWeights, Warnings } from "./notices";
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
  actions: TileActions;
};

function summary(found: Found | null, loading: boolean): string {
  if (loading || !found) return "Searching…";
  const n = found.answer.hits.length;
  if (n === 0) return "No galaxy found";
  return n === 1 ? "1 galaxy, the most alike" : `${n} galaxies, most alike first`;
}

export function Results(props: Props) {
  const { found, loading, settings, info } = props;
  const answer = found?.answer;
  const random = randomWeights(info, answer);
  return (
    <main class="results" aria-busy={loading}>
      <aside class="side">
        {found ? (
          <QueryPanel
            found={found}
            settings={settings}
            simulated={info?.survey?.simulated === true}
            removeExample={props.removeExample}
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
        {random && <RandomWeights />}
        {answer && <Warnings warnings={answer.warnings} hideRandom={random} />}
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
        {found && found.answer.hits.length === 0 && !loading && (
          <p class="nothing">
            Nothing in the survey passes these filters. Widen the magnitudes or show known lenses again.
          </p>
        )}
        {found && found.answer.hits.length > 0 && <Downloads found={found} />}
      </div>
    </main>
  );
}
