// What is drawn where a picture of a preview cannot be loaded: nothing is asked of the server.
const DRAWN = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 400 260'><rect width='400' height='260' fill='#e6ebe9'/><path d='M60 200l90-100 70 75 45-45 75 70z' fill='#c4cfcb'/><circle cx='300' cy='80' r='24' fill='#c4cfcb'/></svg>";

export const scene = (_name: string) => `data:image/svg+xml,${encodeURIComponent(DRAWN)}`;
