// The simulator's endpoints, from the page.

async function ask(method, path, body) {
  const response = await fetch(`/_sim/${path}`, {
    method,
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok && !answer.webhook) throw new Error(answer.error ? answer.error.message : response.statusText);
  return answer;
}

/** The registered accounts. */
export const accounts = async () => (await ask("GET", "channels")).items;

/** Friends whose name or id holds the words. */
export async function friends(account, search = "", limit = 60) {
  const query = new URLSearchParams({ account, q: search, limit: String(limit) });
  return (await ask("GET", `friends?${query}`)).items;
}

/** One conversation. */
export const timeline = (account, user) =>
  ask("GET", `friends/${user}/timeline?${new URLSearchParams({ account, limit: "80" })}`);

/** What the friend does: follow, block, message, postback, switch, video_complete … */
export const act = (account, user, verb, body = {}) => ask("POST", `friends/${user}/${verb}`, { account, ...body });

/** A person comes into being without any webhook. */
export const createPerson = (account, user, name, colour) =>
  ask("POST", "friends", { account, user_id: user, display_name: name, colour, status: "stranger" });

/** A LINE user id nobody has. */
export function newUserId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `U${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
