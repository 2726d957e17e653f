/* main.tsx - starts the page. */

import { render } from "preact";
import { App } from "./app";
import "./styles/type.css";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/header.css";
import "./styles/home.css";
import "./styles/query.css";
import "./styles/grid.css";
import "./styles/probes.css";
import "./styles/overlays.css";

render(<App />, document.getElementById("page")!);
