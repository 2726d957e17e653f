/* example-list.tsx - the galaxies a search of several examples stands on. */

import type { Settings } from "../settings";
import { Icon } from "./icon";
import { Picture } from "./picture";

type Props = {
  like: string[];
  unlike: string[];
  settings: Settings;
  remove: (id: string) => void;
};

function Side(props: { title: string; ids: string[]; settings: Settings; remove: (id: string) => void }) {
  if (props.ids.length === 0) return null;
  return (
    <section>
      <h2>{props.title}</h2>
      <ul class="examples">
        {props.ids.map((id) => (
          <li key={id}>
            <Picture object={{ id }} size={152} settings={props.settings} eager />
            <button type="button" class="tiny" aria-label={`Leave out ${id}`} onClick={() => props.remove(id)}>
              <Icon name="close" />
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

export function ExampleList({ like, unlike, settings, remove }: Props) {
  return (
    <>
      <Side title="More like" ids={like} settings={settings} remove={remove} />
      <Side title="Less like" ids={unlike} settings={settings} remove={remove} />
    </>
  );
}
