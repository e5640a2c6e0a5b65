import { MantineProvider } from "@mantine/core";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "./styles/mantine.css";
import "./styles/base.css";
import "./styles/pages.css";
import "./styles/wall.css";
import "./styles/pane.css";
import "./styles/media.css";
import "./styles/rules.css";
import "./styles/timeline.css";
import "./styles/statistics.css";
import "./styles/patrol.css";
import "./styles/publish.css";
import "./styles/print.css";
import { App } from "./app/App";
import { theme, variables } from "./theme";

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <MantineProvider theme={theme} cssVariablesResolver={variables} forceColorScheme="dark">
      <App />
    </MantineProvider>
  </StrictMode>,
);
