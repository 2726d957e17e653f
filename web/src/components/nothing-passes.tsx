/* nothing-passes.tsx - a search that worked and found nothing: why, and the way back. */

import { capital, sentence } from "../format";
import { NO_FILTERS, type Filters } from "../route";

type Props = { warnings: string[]; filters: Filters; change: (filters: Filters) => void };

export function NothingPasses({ warnings, filters, change }: Props) {
  const filtered = filters.magMin !== null || filters.magMax !== null ||
    filters.zMin !== null || filters.zMax !== null || filters.hideKnown;
  return (
    <section class="nothing">
      <h2>{filtered ? "No galaxy passes these filters" : "There is nothing to compare it with"}</h2>
      {warnings.map((warning) => (
        <p key={warning}>{sentence(capital(warning))}</p>
      ))}
      {filtered && (
        <button type="button" class="primary" onClick={() => change({ ...NO_FILTERS, k: filters.k })}>
          Clear the filters
        </button>
      )}
    </section>
  );
}
