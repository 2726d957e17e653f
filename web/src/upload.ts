/* upload.ts - files a person gives: what kind they are, and keeping them for the back button.
 * Files live in this tab's memory only; a reload forgets them, and the page says so. */

const kept = new Map<string, File>();
const KEPT_MAX = 8;

export function keepFile(file: File): string {
  const key = Math.random().toString(36).slice(2, 10);
  kept.set(key, file);
  for (const oldest of kept.keys()) {
    if (kept.size <= KEPT_MAX) break;
    kept.delete(oldest);
  }
  return key;
}

export function keptFile(key: string): File | undefined {
  return kept.get(key);
}

/* The first bytes decide; the name only where they say nothing. */
export async function contentType(file: Blob & { name?: string }): Promise<string> {
  const head = new Uint8Array(await file.slice(0, 9).arrayBuffer());
  const text = String.fromCharCode(...head);
  if (text.startsWith("SIMPLE  =")) return "application/fits";
  if (head[0] === 0xff && head[1] === 0xd8 && head[2] === 0xff) return "image/jpeg";
  if (text.startsWith("\x89PNG")) return "image/png";
  if (/\.(fits?|fts)(\.(gz|fz))?$/i.test(file.name ?? "")) return "application/fits";
  return "application/octet-stream";
}

/* The one file of a drop or paste, if it holds any. */
export function fileOf(data: DataTransfer | null): File | null {
  if (!data) return null;
  if (data.files.length) return data.files[0];
  for (const item of Array.from(data.items)) {
    const file = item.kind === "file" ? item.getAsFile() : null;
    if (file) return file;
  }
  return null;
}

/* A data URL's bytes without fetching it: the page's policy allows no data: requests. */
export function dataUrlBlob(url: string): Blob | null {
  const m = /^data:([^;,]+);base64,(.*)$/s.exec(url);
  if (!m) return null;
  try {
    const bytes = Uint8Array.from(atob(m[2]), (c) => c.charCodeAt(0));
    return new Blob([bytes], { type: m[1] });
  } catch {
    return null;
  }
}
