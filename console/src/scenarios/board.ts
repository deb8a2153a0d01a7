// What canvas and outline show beside the graph itself, and what they say was chosen.
import { createContext, useContext } from "react";
import type { FunnelNode } from "../api/schema";
import type { Names } from "../data";
import type { Definition, Place } from "./model";

export type Selection = { is: "start" } | { is: "step"; id: string } | { is: "add"; place: Place };

export interface Dot {
  user: string;
  name: string | null;
  /** Null: through with it. */
  node: string | null;
}

export interface Came {
  node: string;
  sent: number;
  clickers: number;
  conversions: number;
}

export interface Board {
  definition: Definition;
  names: Names;
  numbers: Map<string, number>;
  chosen: Selection | null;
  choose: (next: Selection | null) => void;
  /** Nothing can be put in. */
  fixed: boolean;
  waiting: Record<string, number>;
  /** What is wrong, by step. */
  faults: Map<string, string[]>;
  /** Steps that friends follow otherwise so far: `added` or `changed`. */
  marks: Map<string, "added" | "changed">;
  funnel: Map<string, FunnelNode> | null;
  /** What came of each step in the last thirty days, beside the funnel. */
  came?: Map<string, Came>;
  isStarted: boolean;
  dots?: Dot[];
  follow?: string | null;
}

export const BoardContext = createContext<Board | null>(null);
export const useBoard = () => useContext(BoardContext) as Board;

export const isChosen = (chosen: Selection | null, id: string) => chosen?.is === "step" && chosen.id === id;
export const isPlace = (chosen: Selection | null, place: Place) => chosen?.is === "add" && chosen.place.from === place.from && chosen.place.slot === place.slot;
