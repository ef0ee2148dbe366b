// A sound and a notification for a new message, for a reader who wants them. They say nothing of the message: what a
// system keeps of its notifications is out of the service's reach.

import { choose, preference } from "./preferences.js";
import { t } from "./words.js";

const TONES = [660, 880]; // hertz, one after the other
const LENGTH = 0.14; // seconds of each

export function createAlerts({ state, open, changed }) {
  const shown = new Map(); // notifications by conversation
  let audio = null;

  function sound() {
    audio ??= new AudioContext();
    TONES.forEach((tone, place) => {
      const source = audio.createOscillator();
      const volume = audio.createGain();
      const begin = audio.currentTime + place * LENGTH;
      volume.gain.setValueAtTime(0.15, begin);
      volume.gain.exponentialRampToValueAtTime(0.001, begin + LENGTH);
      source.frequency.value = tone;
      source.connect(volume).connect(audio.destination);
      source.start(begin);
      source.stop(begin + LENGTH);
    });
  }

  function notify(id) {
    try {
      shown.get(id)?.close();
      const tag = crypto.randomUUID(); // an id of a customer would stay with the system
      const one = new Notification(t("alerts.new"), { body: state.session.shop, tag, silent: true });
      one.onclick = () => {
        window.focus();
        open(id);
      };
      shown.set(id, one);
    } catch {
      // Telephones allow notifications to installed pages alone.
    }
  }

  return {
    /** Whether the reader has not yet been asked. */
    unasked: () => preference("alerts") === "" && "Notification" in window,
    isOn: (what) => preference("alerts").includes(what),
    /** `sound`, `notification`, both with a space between them, or `off`. */
    async choose(what) {
      let chosen = what;
      if (what.includes("notification") && (await Notification.requestPermission()) !== "granted")
        chosen = what.replace("notification", "").trim() || "off";
      choose("alerts", chosen);
      changed();
    },
    /** A conversation has a new message that the reader does not see. */
    ring(id) {
      if (this.isOn("sound")) sound();
      if (this.isOn("notification")) notify(id);
    },
    /** A notification goes when its conversation is read or gone. */
    prune() {
      for (const [id, one] of shown) {
        if (state.unread.has(id)) continue;
        one.close();
        shown.delete(id);
      }
    },
  };
}
