/// The script of the portal. Every page works without it: it adds buttons that copy, a search that filters while one types, and
/// keeps a form from being sent twice.
enum PortalScript {
    static let javaScript = """
        "use strict";
        for (const button of document.querySelectorAll("button[data-copy]")) {
          const label = button.textContent;
          button.hidden = false;
          button.addEventListener("click", async () => {
            const source = document.getElementById(button.dataset.copy);
            try {
              await navigator.clipboard.writeText(source.textContent);
              button.textContent = button.dataset.copied;
              document.getElementById("said").textContent = button.dataset.copied;
              setTimeout(() => { button.textContent = label; }, 2000);
            } catch {
              const range = document.createRange();
              range.selectNodeContents(source);
              getSelection().removeAllRanges();
              getSelection().addRange(range);
            }
          });
        }

        const search = document.querySelector("input[data-filter]");
        if (search) {
          const items = [...document.querySelectorAll("[data-filtered] > li")];
          search.addEventListener("input", () => {
            const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
            for (const item of items) {
              const text = item.textContent.toLowerCase();
              item.hidden = !words.every((word) => text.includes(word));
            }
          });
        }

        for (const form of document.querySelectorAll("form[method=post]")) {
          form.addEventListener("submit", (event) => {
            if (form.dataset.sent) event.preventDefault();
            form.dataset.sent = "yes";
          });
        }
        // A page that comes back from the browser's memory may be sent again, and no longer shows a secret.
        addEventListener("pageshow", (event) => {
          for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
          if (event.persisted) for (const secret of document.querySelectorAll("[data-secret]")) secret.remove();
        });

        """
}
