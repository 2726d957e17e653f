/* header.tsx - the bar on every page: home, search, file, random, help. */

import type { ComponentChildren } from "preact";
import { onPlainClick } from "../history";
import mark from "../mark.svg";
import { FileButton } from "./file-button";
import { Icon } from "./icon";

type Props = {
  home: () => void;
  takeFile: (file: File) => void;
  random: () => void;
  help: () => void;
  probes: () => void;
  children?: ComponentChildren; /* the search box, where the page has it up here */
};

export function Header({ home, takeFile, random, help, probes, children }: Props) {
  return (
    <header class="bar">
      <a class="wordmark" href="/" onClick={onPlainClick(home)} aria-label="nearsky, start page">
        <img src={mark} alt="" width={26} height={26} />
        nearsky
      </a>
      <div class="bar-search">{children}</div>
      <div class="bar-buttons">
        <FileButton take={takeFile} label="Open picture" />
        <a class="button" href="/?probes=all" onClick={onPlainClick(probes)} title="Classifiers made from examples">
          <Icon name="probe" />
          <span>Probes</span>
        </a>
        <button type="button" onClick={random} title="Search from a random galaxy (R)">
          <Icon name="random" />
          <span>Random</span>
        </button>
        <button type="button" class="round" onClick={help} aria-label="Help and keys" title="Help and keys (?)">
          ?
        </button>
      </div>
    </header>
  );
}
