// Whether somebody signed in with this browser: who did not is asked for a key without a refusal first. No secret.
const KEPT = "todoku.signed";

export const isKnown = () => localStorage.getItem(KEPT) === "1";
export const remember = () => localStorage.setItem(KEPT, "1");
export const forget = () => localStorage.removeItem(KEPT);
