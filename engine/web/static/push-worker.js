// Shows a signal that there is a message, and opens the page when it is tapped; it keeps and fetches nothing.
"use strict";
self.addEventListener("push", (event) => {
  const told = event.data ? event.data.json() : {};
  event.waitUntil(self.registration.showNotification(told.title || "Minato PHR", { tag: "phr", data: "/me" }));
});
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.openWindow("/me"));
});
