/* give-picture.tsx - the start page's invitation to search with a picture of one's own. The whole
 * window takes drops; this says so and opens files for those who have nothing to drag. */

import { FileButton } from "./file-button";
import { Icon } from "./icon";

export function GivePicture({ take }: { take: (file: File) => void }) {
  return (
    <section class="give-picture" aria-label="Search with a picture of your own">
      <Icon name="image" />
      <p>
        <b>Drop a picture anywhere</b>
        <span>A FITS cube, JPEG or PNG with the galaxy in its middle</span>
      </p>
      <FileButton take={take} label="Open a file" />
    </section>
  );
}
