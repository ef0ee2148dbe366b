// Pure: the attachments of a message. Facebook chooses their form, so each part may be absent or of another type.

export const objectOf = (value) => (typeof value === "object" && value !== null ? value : {});

/** Returns a message's attachments as objects. */
export const attachmentsOf = ({ attachments }) => (attachments ?? []).map(objectOf);

/** Messenger sends some stickers as an image with the sticker's number. */
export const isSticker = (one) => one.type === "sticker" || Boolean(one.sticker_id);

export const isPicture = (one) => one.type === "image" && !isSticker(one);

/** Returns the place of an attachment, with the address of a `map`, or null. */
export function placeOf({ coordinates }) {
  const { lat, long } = objectOf(coordinates);
  if (typeof lat !== "number" || typeof long !== "number") return null;
  return { lat, long, map: `https://www.openstreetmap.org/?mlat=${lat}&mlon=${long}#map=17/${lat}/${long}` };
}

/** Returns a place as it is shown. */
export const placeName = ({ lat, long }) => `${lat.toFixed(5)}, ${long.toFixed(5)}`;
