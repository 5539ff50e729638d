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
        const count = document.querySelector("[data-count]");
        if (search && count) {
          const items = [...document.querySelectorAll("[data-filtered] > li")];
          const filter = () => {
            // What the server searched for is found already, in more of the description than a card shows.
            const isSearched = search.value === search.defaultValue;
            const words = isSearched ? [] : search.value.toLowerCase().split(/\\s+/).filter(Boolean);
            for (const item of items) {
              const text = item.textContent.toLowerCase();
              item.hidden = !words.every((word) => text.includes(word));
            }
            const shown = items.filter((item) => !item.hidden).length;
            const isOne = shown === 1 || (shown === 0 && document.documentElement.lang === "fr");
            const said = String(shown) === count.dataset.count
              ? count.dataset.all
              : count.dataset[isOne ? "one" : "other"].replace("#", String(shown));
            // A status that is written again is read out again.
            if (count.textContent !== said) count.textContent = said;
          };
          search.addEventListener("input", filter);
          // Browsers put back what was typed when they go back to a page.
          addEventListener("pageshow", filter);
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
