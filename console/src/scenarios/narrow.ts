// Whether there is room for a canvas: on a phone the outline is what one gets.
import { useSyncExternalStore } from "react";

const wide = matchMedia("(min-width: 761px)");

const subscribe = (changed: () => void) => {
  wide.addEventListener("change", changed);
  return () => wide.removeEventListener("change", changed);
};

export const useNarrow = () => !useSyncExternalStore(subscribe, () => wide.matches);
