/* filters.tsx - which galaxies may come back. Filters act during the search, not on its result. */

import { useEffect, useState } from "preact/hooks";
import type { Filters } from "../route";

const COUNTS = [24, 48, 96, 200];

type Props = {
  filters: Filters;
  kMax: number;
  change: (filters: Filters) => void;
  noExact?: boolean; /* where every search is exact */
};

function bound(text: string): number | null {
  const value = Number(text);
  return text.trim() === "" || !Number.isFinite(value) ? null : value;
}

function Bound(props: { label: string; value: number | null; set: (value: number | null) => void }) {
  const [text, setText] = useState(props.value === null ? "" : String(props.value));
  useEffect(() => setText(props.value === null ? "" : String(props.value)), [props.value]);
  const commit = (event: { currentTarget: HTMLInputElement }) => {
    const value = bound(event.currentTarget.value);
    if (value !== props.value) props.set(value);
  };
  return (
    <input
      aria-label={props.label}
      placeholder={props.label.includes("least") ? "from" : "to"}
      inputMode="decimal"
      value={text}
      onInput={(event) => setText(event.currentTarget.value)}
      onBlur={commit}
      onKeyDown={(event) => event.key === "Enter" && commit(event)}
    />
  );
}

type RangeProps = {
  label: string;
  title?: string;
  from: number | null;
  to: number | null;
  change: (from: number | null, to: number | null) => void;
};

function Range({ label, title, from, to, change }: RangeProps) {
  return (
    <div class="field" title={title}>
      <span>{label}</span>
      <span class="range">
        <Bound label={`${label} at least`} value={from} set={(value) => change(value, to)} />
        <span aria-hidden="true">–</span>
        <Bound label={`${label} at most`} value={to} set={(value) => change(from, value)} />
      </span>
    </div>
  );
}

export function FilterForm({ filters, kMax, change, noExact }: Props) {
  const counts = [...new Set([...COUNTS.filter((n) => n <= kMax), filters.k])].sort((a, b) => a - b);
  const flag = (name: "exact" | "hideKnown") => (event: { currentTarget: HTMLInputElement }) =>
    change({ ...filters, [name]: event.currentTarget.checked });
  return (
    <form class="filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
      <div class="field">
        <label for="filter-k">Show</label>
        <select
          id="filter-k"
          value={filters.k}
          onChange={(event) => change({ ...filters, k: Number(event.currentTarget.value) })}
        >
          {counts.map((n) => (
            <option key={n} value={n}>
              {n} galaxies
            </option>
          ))}
        </select>
      </div>
      <Range
        label="z magnitude"
        from={filters.magMin}
        to={filters.magMax}
        change={(magMin, magMax) => change({ ...filters, magMin, magMax })}
      />
      <Range
        label="redshift"
        title="Photometric redshift; galaxies without one do not pass"
        from={filters.zMin}
        to={filters.zMax}
        change={(zMin, zMax) => change({ ...filters, zMin, zMax })}
      />
      <label class="check">
        <input type="checkbox" checked={filters.hideKnown} onChange={flag("hideKnown")} />
        Hide known lenses
      </label>
      {!noExact && (<label class="check" title="Compares with every galaxy instead of asking the index">
        <input type="checkbox" checked={filters.exact} onChange={flag("exact")} />
        Exact search
      </label>)}
    </form>
  );
}
