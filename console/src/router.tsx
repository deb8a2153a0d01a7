// Hash routes: what follows # never reaches a server, so no friend's id is in an access log.
import { useSyncExternalStore, type AnchorHTMLAttributes } from "react";

const subscribe = (changed: () => void) => {
  addEventListener("hashchange", changed);
  return () => removeEventListener("hashchange", changed);
};

/** The parts of the route: `#/shop/friends/U1?tab=x` is ["shop", "friends", "U1"]. */
export function useRoute(): string[] {
  const hash = useSyncExternalStore(subscribe, () => location.hash);
  return partsOf(hash);
}

export function partsOf(hash: string): string[] {
  return (hash.replace(/^#\/?/, "").split("?")[0] ?? "").split("/").filter(Boolean).map(decode);
}

export function useQueryOf(): URLSearchParams {
  const hash = useSyncExternalStore(subscribe, () => location.hash);
  return new URLSearchParams(hash.split("?")[1] ?? "");
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

type Query = Record<string, string> | URLSearchParams;

export const to = (...parts: string[]) => `#/${parts.map(encodeURIComponent).join("/")}`;
const withQuery = (parts: string[], query?: Query) => {
  const text = query ? new URLSearchParams(query).toString() : "";
  return text ? `${to(...parts)}?${text}` : to(...parts);
};
export const go = (...parts: string[]) => {
  location.hash = to(...parts);
};
/** The same with what follows a question mark. */
export const goWith = (parts: string[], query: Query) => {
  location.hash = withQuery(parts, query);
};

export function Link({ parts, query, ...rest }: { parts: string[]; query?: Query } & AnchorHTMLAttributes<HTMLAnchorElement>) {
  return <a href={withQuery(parts, query)} {...rest} />;
}
