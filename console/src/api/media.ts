// Files for messages: kept by the API at an address of their own. A video brings a picture of itself.
import { ask, post } from "./client";
import type { Media } from "./schema";

const INLINE = 4_000_000;
/** What is larger does not fit into one request on AWS, and goes to the object store first. */

export async function keep(base: string, file: Blob, query = ""): Promise<Media> {
  if (file.size <= INLINE) return (await ask<Media>("POST", `${base}/media${query}`, { file })).body;
  const place = await post<{ upload_id: string; url: string }>(`${base}/uploads`);
  const put = await fetch(place.url, { method: "PUT", body: file });
  if (!put.ok) throw new Error(`${put.status} ${put.statusText}`);
  return post<Media>(`${base}/media${query}`, { upload_id: place.upload_id });
}

export async function keepVideo(base: string, file: Blob): Promise<Media> {
  const picture = await frameOf(file).catch(() => null);
  const preview = picture ? `?preview=${(await keep(base, picture)).id}` : "";
  return keep(base, file, preview);
}

/** A picture of a video near its beginning; null where this browser cannot play it. */
async function frameOf(file: Blob): Promise<Blob | null> {
  const video = document.createElement("video");
  const address = URL.createObjectURL(file);
  try {
    video.muted = true;
    video.src = address;
    await new Promise((done, fail) => {
      video.onseeked = done;
      video.onerror = fail;
      video.onloadedmetadata = () => (video.currentTime = Math.min(1, video.duration / 2));
      setTimeout(fail, 10_000);
    });
    const canvas = document.createElement("canvas");
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext("2d")?.drawImage(video, 0, 0);
    return await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.88));
  } finally {
    URL.revokeObjectURL(address);
  }
}
