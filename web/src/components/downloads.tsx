/* downloads.tsx - the hits as a table. Searches that were posted are posted again for it. */

import { useState } from "preact/hooks";
import { ApiProblem, neighborsPath, request, searchBody, uploadInit, uploadPath } from "../api";
import type { Found } from "../search";
import { contentType } from "../upload";

const FORMATS = [
  ["CSV", "csv", "csv"],
  ["JSON", "json", "json"],
] as const;

async function table({ route, file }: Found, format: string): Promise<Blob> {
  const { query, filters } = route;
  let response: Response;
  if (query.kind === "upload" && file) {
    const init = uploadInit(file, await contentType(file));
    response = await request(uploadPath(filters, file.name, format), init);
  } else if (query.kind === "examples") {
    response = await request(`/api/v1/search?format=${format}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: searchBody(query.like, query.unlike, filters),
    });
  } else throw new ApiProblem(0, "Nothing to download", "");
  return response.blob();
}

function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

export function Downloads({ found }: { found: Found }) {
  const [failed, setFailed] = useState<string | null>(null);
  const fetchTable = async (format: string, extension: string) => {
    setFailed(null);
    try {
      save(await table(found, format), `nearsky.${extension}`);
    } catch (error) {
      setFailed(error instanceof Error ? error.message : "The table could not be had.");
    }
  };
  return (
    <div class="downloads">
      <span>Download</span>
      {FORMATS.map(([label, format, extension]) =>
        found.object ? (
          <a
            key={format}
            href={neighborsPath(found.object.id, found.route.filters, format)}
            download={`nearsky-${found.object.id}.${extension}`}
          >
            {label}
          </a>
        ) : (
          <button key={format} type="button" class="link" onClick={() => fetchTable(format, extension)}>
            {label}
          </button>
        ),
      )}
      {failed && <span role="alert">{failed}</span>}
    </div>
  );
}
