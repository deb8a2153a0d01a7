// What is drawn where a picture cannot be loaded.

/** The address of a drawn picture, always the same for one name. */
export const scene = (name) => `/_sim/pictures/${encodeURIComponent(name)}.svg`;
