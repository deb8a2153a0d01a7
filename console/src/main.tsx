// The console begins here: who is signed in, which account, which screen.
import { QueryClient, QueryClientProvider, useQuery, useQueryClient } from "@tanstack/react-query";
import { Component, lazy, Suspense, useEffect, type ComponentType, type ReactNode } from "react";
import { createRoot } from "react-dom/client";
import { all, ApiError, get, onSignedOut } from "./api/client";
import { type Account, type Me, PlaceContext, type Place } from "./data";
import { go, partsOf, useRoute } from "./router";
import { forget, isKnown } from "./signed";
import { Home } from "./screens/Home";
import { SignIn } from "./screens/SignIn";
import { Shell } from "./shell";
import { Screen } from "./ui/kit";
import { t, useZone } from "./words";
import "../../chalicelib/local/line/page/tokens.css";
import "../../chalicelib/local/line/page/messages.css";
import "../../chalicelib/local/line/page/flex.css";
import "./styles/app.css";

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      retry: (times, error) => times < 2 && error instanceof ApiError && (error.status === 0 || error.status === 503 || error.status === 500),
      retryDelay: (times) => 500 * (times + 1),
      refetchOnWindowFocus: false,
    },
  },
});

// The chunk of the screen that is asked for comes while it is asked who is signed in.
const begun = partsOf(location.hash)[1] ?? "";
function lazily(name: string, load: () => Promise<{ default: ComponentType }>): ComponentType {
  const early = name === begun ? load() : null;
  early?.catch(() => undefined);
  return lazy(() => early ?? load());
}

const SCREENS: Record<string, ComponentType> = {
  home: Home,
  friends: lazily("friends", () => import("./screens/Friends")),
  chat: lazily("chat", () => import("./screens/Chat")),
  members: lazily("members", () => import("./screens/customers/Members")),
  reservations: lazily("reservations", () => import("./screens/customers/Reservations")),
  schedules: lazily("schedules", () => import("./screens/customers/Schedules")),
  segments: lazily("segments", () => import("./screens/Segments")),
  broadcasts: lazily("broadcasts", () => import("./screens/Broadcasts")),
  messages: lazily("messages", () => import("./screens/Messages")),
  scenarios: lazily("scenarios", () => import("./screens/Scenarios")),
  labels: lazily("labels", () => import("./screens/Labels")),
  rules: lazily("rules", () => import("./screens/rules/Rules")),
  routes: lazily("routes", () => import("./screens/Routes")),
  forms: lazily("forms", () => import("./screens/forms/Forms")),
  links: lazily("links", () => import("./screens/Links")),
  narrowcasts: lazily("narrowcasts", () => import("./screens/targeting/Narrowcasts")),
  audiences: lazily("audiences", () => import("./screens/targeting/Audiences")),
  coupons: lazily("coupons", () => import("./screens/Coupons")),
  menus: lazily("menus", () => import("./screens/menus/Menus")),
  reports: lazily("reports", () => import("./screens/reports/Reports")),
  site: lazily("site", () => import("./screens/Site")),
  media: lazily("media", () => import("./screens/Media")),
  settings: lazily("settings", () => import("./screens/settings/Settings")),
};

const NewAccount = lazy(() => import("./screens/settings/Account").then(({ NewAccount: found }) => ({ default: found })));

function Console() {
  const route = useRoute();
  const client = useQueryClient();
  const isSigningIn = route[0] === "sign-in";
  const me = useQuery({ queryKey: ["me"], queryFn: () => get<Me>("/me"), enabled: !isSigningIn && isKnown(), retry: false, staleTime: 60_000 });
  const accounts = useQuery({ queryKey: ["accounts"], queryFn: () => all<Account>("/accounts"), enabled: !isSigningIn && isKnown(), retry: false });
  useEffect(() => onSignedOut(() => {
    if (location.hash.startsWith("#/sign-in")) return;
    client.clear();
    forget();
    sessionStorage.setItem("todoku.back", location.hash);
    location.hash = "#/sign-in";
  }), [client]);
  const chosen = accounts.data?.find((one) => one.id === route[0]);
  const first = accounts.data?.[0];
  useEffect(() => {
    if (!isSigningIn && accounts.data && !chosen && first) go(first.id, "home");
  }, [isSigningIn, accounts.data, chosen, first]);
  useEffect(() => {
    if (!isSigningIn && !isKnown()) location.hash = "#/sign-in";
  }, [isSigningIn]);
  if (isSigningIn) return <SignIn code={route[1]} />;
  if (me.isError && !(me.error instanceof ApiError && me.error.status === 401)) return <Screen title="Todoku" state="error" error={me.error} retry={() => void me.refetch()} />;
  if (accounts.isError && me.isSuccess) return <Screen title="Todoku" state="error" error={accounts.error} retry={() => void accounts.refetch()} />;
  if (accounts.data?.length === 0) return <Screen title="Todoku" state="empty" empty={<><h2>{t("accounts.none")}</h2><p>{t("accounts.none.more")}</p>{me.data?.role === "admin" ? <Suspense><NewAccount /></Suspense> : null}</>} />;
  if (!me.data || !chosen) return <Screen title="Todoku" state="loading" />;
  useZone(chosen.time_zone);
  const place: Place = { me: me.data, account: chosen, accounts: accounts.data ?? [], base: `/accounts/${encodeURIComponent(chosen.id)}` };
  const Found = SCREENS[route[1] ?? "home"];
  return (
    <PlaceContext.Provider value={place}>
      <Shell key={chosen.id}>
        <Guard key={route.slice(0, 3).join("/")}>
          <Suspense fallback={<Screen title="Todoku" state="loading" />}>{Found ? <Found /> : <Screen title={t("state.lost")} state="empty" empty={<p>{t("state.lost.more")}</p>} />}</Suspense>
        </Guard>
      </Shell>
    </PlaceContext.Provider>
  );
}

/** A screen that breaks says so, and the others go on. */
class Guard extends Component<{ children: ReactNode }, { error: unknown }> {
  state: { error: unknown } = { error: null };
  static getDerivedStateFromError(error: unknown) {
    return { error };
  }
  render() {
    if (this.state.error === null) return this.props.children;
    return <Screen title={t("state.error")} state="error" error={this.state.error} retry={() => location.reload()} />;
  }
}

createRoot(document.getElementById("root") as HTMLElement).render(
  <QueryClientProvider client={queries}>
    <Console />
  </QueryClientProvider>,
);
