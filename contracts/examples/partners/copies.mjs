// What a holder decides, by number and never by arrival. `vectors/holder.json` has a test of each rule.

/** The state of an article that the holder does not know. */
export const unknown = { last_order: 0, status: "live", version: 0, held: false };

const STATUS = {
  "clawback.revocation.revoked.v1": "revoked",
  "clawback.revocation.withheld.v1": "withheld",
  "clawback.revocation.reinstated.v1": "live",
};
export const isOrder = (type) => type in STATUS;

/** Whether to store this version. */
export function accepts(state, article) {
  if (article.after_order !== state.last_order) return article.after_order > state.last_order;
  return state.status === "live" && article.version > state.version;
}

/** The state after this version was stored. */
export function withVersion(state, article) {
  return { last_order: article.after_order, status: "live", version: article.version, held: true };
}

/** The state after an order, and the outcome for the receipt. Where `held` becomes false, delete the content. */
export function withOrder(state, type, order) {
  const status = STATUS[type];
  if (order.order < state.last_order) return { state, outcome: "superseded" };
  let after = state;
  if (order.order > state.last_order || status === "revoked") {
    const follows = order.previous_order === state.last_order;
    const stays = { revoked: false, withheld: state.status !== "revoked", live: state.status === "withheld" }[status];
    after = { ...state, last_order: order.order, status, held: state.held && follows && stays };
  }
  if (status !== "revoked") return { state: after, outcome: status === "live" ? "reinstated" : "withheld" };
  return { state: after, outcome: state.held ? "removed" : state.version ? "already_removed" : "never_held" };
}

/** Whether readers may be shown this version now. */
export function mayBeShown(state, article, now) {
  const { version, embargoed_until, licence_ends_at } = article;
  return (
    state.held && state.status === "live" && state.version === version &&
    (!embargoed_until || new Date(embargoed_until) <= now) &&
    (!licence_ends_at || now < new Date(licence_ends_at))
  );
}
