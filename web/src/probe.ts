/* probe.ts - one probe's page: its ranking, and what was marked on it. */

import { useCallback, useEffect, useState } from "preact/hooks";
import { ApiProblem, getProbe, getRanking, postProbe, rankPath, type Ranking } from "./api";
import type { Side } from "./components/hit-tile";
import type { Filters } from "./route";

export type Marks = Map<string, Side>;

/* The same side again takes the mark away. */
export function marked(marks: Marks, id: string, side: Side): Marks {
  const next = new Map(marks);
  if (next.get(id) === side) next.delete(id);
  else next.set(id, side);
  return next;
}

/* What a probe of two classes learned from, less what was drawn from the survey, with the marks;
 * a mark outweighs what was said before. */
export async function examplesWith(name: string, marks: Marks) {
  const { labels } = await getProbe(name);
  const [no, yes] = labels.classes;
  const told = (ids: string[]) => ids.filter((id) => !marks.has(id));
  const side = (wanted: Side) => [...marks].filter(([, s]) => s === wanted).map(([id]) => id);
  const shown = (no.ids ?? []).slice(0, no.count - (no.drawn ?? 0));
  return {
    positive: [...told(yes.ids ?? []), ...side("like")],
    negative: [...told(shown), ...side("unlike")],
  };
}

function asProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error;
  return new ApiProblem(0, "Something went wrong", error instanceof Error ? error.message : "");
}

export function useRanking(name: string, label: boolean, ofClass: string | null, filters: Filters) {
  const [ranking, setRanking] = useState<Ranking | null>(null);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const [loading, setLoading] = useState(true);
  const [attempt, setAttempt] = useState(0);
  const path = rankPath(name, label ? "suggest" : "rank", ofClass, filters);
  useEffect(() => {
    const control = new AbortController();
    setLoading(true);
    setProblem(null);
    getRanking(path, control.signal).then(
      (answer) => {
        if (control.signal.aborted) return;
        setRanking(answer);
        setLoading(false);
      },
      (error) => {
        if (control.signal.aborted) return;
        setProblem(asProblem(error));
        setLoading(false);
      },
    );
    return () => control.abort();
  }, [path, attempt]);
  const again = useCallback(() => setAttempt((n) => n + 1), []);
  return { ranking, problem, loading, again };
}

/* Trains the probe anew with the marks. */
export async function learn(name: string, marks: Marks): Promise<void> {
  await postProbe({ name, ...(await examplesWith(name, marks)), replace: true });
}
