import { Menu } from "@mantine/core";
import { lazy, Suspense, useEffect, useRef } from "react";
import * as calls from "../api/calls";
import type { Language, Priority } from "../api/types";
import { LANGUAGES, type Key, useWords } from "../i18n";
import { useFeedState, useLive, useNow } from "../live/hooks";
import { PriorityMark } from "../ui/bits";
import { clock } from "../ui/time";
import { WallPage } from "../wall/WallPage";
import { Announcer } from "./Announcer";
import { Banner } from "./Banner";
import { Boundary } from "./Boundary";
import { ICONS, Mark } from "./icons";
import { follow, go, segments, usePath } from "./router";
import { can, useSession } from "./session";

const CamerasPage = lazy(() => import("../cameras/CamerasPage"));
const UnitsPage = lazy(() => import("../units/UnitsPage"));
const PatrolsPage = lazy(() => import("../patrols/PatrolsPage"));
const TimelinePage = lazy(() => import("../timeline/TimelinePage"));
const StatusPage = lazy(() => import("../admin/StatusPage"));
const UsersPage = lazy(() => import("../admin/UsersPage"));
const AuditPage = lazy(() => import("../admin/AuditPage"));

export type PageName = "wall" | "cameras" | "units" | "patrols" | "timeline" | "status" | "users" | "audit";

const PAGES: { name: PageName; path: string; key: string }[] = [
  { name: "wall", path: "/", key: "w" },
  { name: "cameras", path: "/cameras", key: "c" },
  { name: "units", path: "/units", key: "u" },
  { name: "patrols", path: "/patrols", key: "p" },
  { name: "timeline", path: "/timeline", key: "t" },
  { name: "status", path: "/status", key: "s" },
  { name: "users", path: "/users", key: "" },
  { name: "audit", path: "/audit", key: "" },
];

export function Shell({ speak }: { speak: (language: Language) => void }) {
  const words = useWords();
  const { me } = useSession();
  const path = usePath();
  const [first = "wall", second, third] = segments(path);
  const page = PAGES.find((one) => one.name === first)?.name ?? "wall";
  const shown = PAGES.filter(({ name }) => {
    if (name === "users" || name === "audit") return can(me, "administer");
    return name !== "patrols" || can(me, "handle");
  });
  usePageKeys(shown);
  return (
    <div className="shell">
      <a className="skip" href="#main">
        {words.t("app.skip")}
      </a>
      <nav className="nav" aria-label={words.t("nav.label")}>
        <div className="mark">
          <Mark />
        </div>
        {shown.map(({ name, path: target }) => (
          <a
            key={name}
            href={target}
            onClick={follow}
            aria-current={name === page ? "page" : undefined}
            data-testid={`nav-${name}`}
          >
            {ICONS[name]}
            {words.t(`nav.${name}` as Key)}
          </a>
        ))}
      </nav>
      <Head page={page} speak={speak} />
      <Banner />
      <main className="main" id="main" tabIndex={-1} data-page={page}>
        <Boundary page={path}>
          <Suspense fallback={<p className="empty">{words.t("app.loading")}</p>}>
            {page === "wall" && <WallPage />}
            {page === "cameras" && <CamerasPage id={second} view={third} />}
            {page === "units" && <UnitsPage id={second} />}
            {page === "patrols" && <PatrolsPage />}
            {page === "timeline" && <TimelinePage />}
            {page === "status" && <StatusPage />}
            {page === "users" && can(me, "administer") && <UsersPage />}
            {page === "audit" && can(me, "administer") && <AuditPage />}
          </Suspense>
        </Boundary>
      </main>
    </div>
  );
}

const NEVER = Number.NEGATIVE_INFINITY;
const LETTER_WITHIN_MS = 1_500;

/** `g`, then a page's letter. */
function usePageKeys(pages: { path: string; key: string }[]): void {
  const armed = useRef(NEVER);
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
      const waiting = event.timeStamp - armed.current < LETTER_WITHIN_MS;
      armed.current = NEVER;
      if (event.key === "g") {
        armed.current = event.timeStamp;
      } else if (waiting) {
        const page = pages.find((one) => one.key === event.key);
        if (!page) return;
        event.preventDefault();
        event.stopImmediatePropagation();
        go(page.path);
      }
    };
    window.addEventListener("keydown", press, true);
    return () => window.removeEventListener("keydown", press, true);
  });
}

export function isTyping(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement | null;
  return target?.closest("input, textarea, select, [contenteditable], [role=dialog]") !== null && target !== null;
}

function Head({ page, speak }: { page: PageName; speak: (language: Language) => void }) {
  const words = useWords();
  const { t } = words;
  const { me, signOut } = useSession();
  return (
    <header className="head">
      <h1>{t(`nav.${page}` as Key)}</h1>
      <Tally />
      <div className="space" />
      <FeedPill />
      <Announcer />
      <Clock />
      <Menu position="bottom-end" width={220}>
        <Menu.Target>
          <button type="button" className="who" data-testid="user-menu">
            <span>{me.display_name || me.username}</span>
            <small>{words.say("role", me.role)}</small>
          </button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>{t("user.language")}</Menu.Label>
          {LANGUAGES.map((language) => (
            <Menu.Item
              key={language.value}
              data-testid={`language-${language.value}`}
              rightSection={language.value === words.language ? "✓" : null}
              onClick={() => {
                speak(language.value);
                void calls.changeMe({ language: language.value }).catch(() => undefined);
              }}
            >
              {language.label}
            </Menu.Item>
          ))}
          <Menu.Divider />
          <Menu.Item onClick={signOut} data-testid="sign-out">
            {t("user.signout")}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </header>
  );
}

function Clock() {
  const { t } = useWords();
  const now = useNow();
  return <time aria-label={t("clock.label")}>{clock(now)}</time>;
}

/** How many incidents nobody has yet, by priority. */
function Tally() {
  const { t } = useWords();
  const { incidents } = useLive();
  const counts = { 1: 0, 2: 0, 3: 0 };
  for (const incident of incidents.values()) {
    if (incident.state === "new" && incident.priority !== 4) counts[incident.priority] += 1;
  }
  const total = counts[1] + counts[2] + counts[3];
  return (
    <div className="tally" data-testid="tally" aria-label={t("wall.unclaimed", { count: total })}>
      {([1, 2, 3] as const).map((priority: Exclude<Priority, 4>) => (
        <span key={priority} data-zero={counts[priority] === 0}>
          <PriorityMark priority={priority} size={20} />
          {counts[priority]}
        </span>
      ))}
      <small className="dim">{t("wall.unclaimed", { count: total })}</small>
    </div>
  );
}

function FeedPill() {
  const { t } = useWords();
  const feed = useFeedState();
  const since = feed.heardAt === null ? "" : clock(Date.now() - (performance.now() - feed.heardAt));
  const text = feed.freshness === "stale" ? t("feed.stale", { time: since }) : t(`feed.${feed.freshness}` as Key);
  return (
    <span className="feed" role="status" title={t("feed.hint")} data-state={feed.freshness} data-testid="feed-state">
      {text}
    </span>
  );
}
