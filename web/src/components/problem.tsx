/* problem.tsx - what went wrong, in plain words, and what to do now. */

import type { ApiProblem, Info } from "../api";
import { bytes, sentence } from "../format";
import type { Query } from "../route";
import { FileButton } from "./file-button";

type Props = {
  problem: ApiProblem;
  query: Query;
  info: Info | null;
  again: () => void;
  random: () => void;
  home: () => void;
  takeFile: (file: File) => void;
};

function advice(problem: ApiProblem, query: Query, info: Info | null): string {
  const limit = info?.limits?.upload_bytes_max;
  if (problem.status === 0) return "Check that nearsky is running and reachable, then try again.";
  if (problem.status === 410) return "Drop or open the file again.";
  if (problem.status === 413)
    return `Cut the picture down to the galaxy${limit ? `; files up to ${bytes(limit)} are taken` : ""}.`;
  if (problem.status === 429 || problem.status === 503)
    return "Many people are searching right now. Wait a few seconds and try again.";
  if (problem.status >= 500) return "This is the server's fault, not yours. Its log says more.";
  if (query.kind === "upload")
    return (
      "nearsky reads FITS cubes in nanomaggies (such as cutouts of the Legacy Survey viewer), JPEG " +
      "and PNG pictures, with the galaxy in the middle."
    );
  if (query.kind === "position") return "Right ascension comes first, then declination. A random galaxy shows what is covered.";
  if (query.kind === "name" || query.kind === "id")
    return "Names are those of this survey. For other catalogues' names, search by position instead.";
  return "Check the filters, or start again.";
}

export function Problem({ problem, query, info, again, random, home, takeFile }: Props) {
  return (
    <section class="problem" role="alert">
      <h1>{problem.title || "That did not work"}</h1>
      {problem.detail && <p class="problem-detail">{sentence(problem.detail)}</p>}
      <p>{advice(problem, query, info)}</p>
      <p class="problem-buttons">
        {(problem.status === 0 || problem.status === 429 || problem.status >= 500) && (
          <button type="button" class="primary" onClick={again}>
            Try again
          </button>
        )}
        {query.kind === "upload" && <FileButton take={takeFile} label="Open another file" />}
        <button type="button" onClick={random}>
          Random galaxy
        </button>
        <button type="button" onClick={home}>
          Start page
        </button>
      </p>
    </section>
  );
}
