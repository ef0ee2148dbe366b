// A sound and a notification for a new message, for a reader who wants them. They contain nothing of the message,
// because the service cannot delete a system's stored notifications.

import { choose, preference } from "./preferences.js";
import { t } from "./words.js";

const TONES = [660, 880]; // the frequencies in hertz of two tones, played one after the other
const LENGTH = 0.14; // seconds of each tone

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
      const tag = crypto.randomUUID(); // not a customer's id, because the system stores the tag
      const one = new Notification(t("alerts.new"), { body: state.session.shop, tag, silent: true });
      one.onclick = () => {
        window.focus();
        open(id);
      };
      shown.set(id, one);
    } catch {
      // Telephones allow notifications only for installed pages.
    }
  }

  return {
    /** Whether the reader has not been asked yet. */
    unasked: () => preference("alerts") === "" && "Notification" in window,
    isOn: (what) => preference("alerts").includes(what),
    /** Returns `sound`, `notification`, `sound notification` or `off`. */
    async choose(what) {
      let chosen = what;
      if (what.includes("notification") && (await Notification.requestPermission()) !== "granted")
        chosen = what.replace("notification", "").trim() || "off";
      choose("alerts", chosen);
      changed();
    },
    /** Announce a new message that the reader does not see. */
    ring(id) {
      if (this.isOn("sound")) sound();
      if (this.isOn("notification")) notify(id);
    },
    /** Close the notification of a conversation that is read or deleted. */
    prune() {
      for (const [id, one] of shown) {
        if (state.unread.has(id)) continue;
        one.close();
        shown.delete(id);
      }
    },
  };
}
