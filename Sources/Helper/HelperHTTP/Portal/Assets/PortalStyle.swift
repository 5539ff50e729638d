/// The stylesheet of the portal. Colours, spaces and sizes of type are tokens, once for each colour scheme.
enum PortalStyle {
    static let css = tokens + base + parts + narrow

    /// Text on its ground has a contrast of at least 4.5, a control's border of at least 3 (WCAG 2.2, 1.4.3 and 1.4.11).
    private static let tokens = """
        :root {
          color-scheme: light dark;
          --ground: #f5f6f8; --surface: #ffffff; --text: #1a1f29; --quiet: #525a68; --line: #d8dce3; --edge: #757e8d;
          --accent: #1b4fd1; --on-accent: #ffffff; --danger: #a8201a; --on-danger: #ffffff; --code: #eef0f4;
          --good: #e0f3e6; --on-good: #14532d; --warn: #fcefd2; --on-warn: #6a4100; --bad: #fde5e3; --on-bad: #8c1c14;
          --s1: .25rem; --s2: .5rem; --s3: .75rem; --s4: 1rem; --s5: 1.5rem; --s6: 2.5rem;
          --small: .875rem; --large: 1.25rem; --huge: 1.75rem; --round: .5rem;
          --mono: ui-monospace, "SFMono-Regular", Menlo, Consolas, "DejaVu Sans Mono", monospace;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --ground: #11141a; --surface: #191e27; --text: #e7eaef; --quiet: #a7afbc; --line: #323a47; --edge: #7f8998;
            --accent: #8db5ff; --on-accent: #0b1325; --danger: #ff9d94; --on-danger: #2a0805; --code: #0d1015;
            --good: #12341f; --on-good: #a5e4b7; --warn: #382a0a; --on-warn: #f2d18d; --bad: #421819; --on-bad: #ffb5ad;
          }
        }

        """

    private static let base = """
        *, *::before, *::after { box-sizing: border-box }
        html { -webkit-text-size-adjust: 100%; text-size-adjust: 100% }
        body { margin: 0; background: var(--ground); color: var(--text); line-height: 1.5;
          font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif }
        h1, h2, h3, h4, h5, h6 { line-height: 1.25; margin: 0 0 var(--s3); overflow-wrap: anywhere }
        h1 { font-size: var(--huge) }
        h2 { font-size: var(--large); margin-top: var(--s6) }
        h3, h4, h5, h6 { font-size: 1rem; margin-top: var(--s5) }
        p, ul, ol, dl, pre, table, figure { margin: 0 0 var(--s4) }
        a { color: var(--accent) }
        code, pre, .mono { font-family: var(--mono); font-size: var(--small) }
        code { overflow-wrap: anywhere }
        pre { background: var(--code); border: 1px solid var(--line); border-radius: var(--round); padding: var(--s4);
          overflow-x: auto; tab-size: 4 }
        pre code { overflow-wrap: normal }
        :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 2px }
        main:focus { outline: none }
        .hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
        [hidden] { display: none !important }
        .skip { position: absolute; left: var(--s4); top: -10rem; background: var(--surface); padding: var(--s2) var(--s4) }
        .skip:focus { top: var(--s2); z-index: 1 }
        .quiet { color: var(--quiet) }
        .lead { font-size: var(--large); max-width: 40rem }

        """

    private static let parts = """
        .bar, main, .foot { max-width: 68rem; margin: 0 auto; padding: 0 var(--s4) }
        .top { background: var(--surface); border-bottom: 1px solid var(--line) }
        .bar { display: flex; flex-wrap: wrap; align-items: center; gap: var(--s2) var(--s5); padding-block: var(--s3) }
        .bar ul, .foot ul { list-style: none; display: flex; flex-wrap: wrap; gap: var(--s2) var(--s4); margin: 0; padding: 0 }
        .bar nav { flex: 1 }
        .bar nav a { display: inline-block; padding: var(--s1) 0; color: var(--text); text-decoration: none;
          border-bottom: 3px solid transparent }
        .bar nav a:hover { border-color: var(--edge) }
        .bar nav a[aria-current] { border-color: var(--accent); font-weight: 600 }
        .brand { font-weight: 700; color: var(--text); text-decoration: none }
        .bar form { margin: 0 }
        main { padding-block: var(--s5) var(--s6); min-height: 60vh }
        .foot { border-top: 1px solid var(--line); padding-block: var(--s4); font-size: var(--small); color: var(--quiet);
          display: flex; flex-wrap: wrap; gap: var(--s2) var(--s5); justify-content: space-between }
        .foot p { margin: 0; overflow-wrap: anywhere }

        .button, button { display: inline-block; font: inherit; line-height: 1.25; padding: var(--s2) var(--s4); cursor: pointer;
          border: 1px solid var(--edge); border-radius: var(--round); background: var(--surface); color: var(--text);
          text-decoration: none; text-align: center }
        .button:hover, button:hover { border-color: var(--accent) }
        .primary { background: var(--accent); border-color: var(--accent); color: var(--on-accent); font-weight: 600 }
        .danger { background: var(--danger); border-color: var(--danger); color: var(--on-danger); font-weight: 600 }
        .small { padding: var(--s1) var(--s3); font-size: var(--small) }
        button:disabled, .button[aria-disabled] { cursor: not-allowed; background: var(--ground); border: 1px dashed var(--edge);
          color: var(--quiet); font-weight: 400 }
        .buttons { display: flex; flex-wrap: wrap; gap: var(--s3); align-items: center; margin-bottom: var(--s4) }
        .buttons form { margin: 0 }

        label, legend { display: block; font-weight: 600; margin-bottom: var(--s1); padding: 0 }
        input[type=text], input[type=search] { font: inherit; width: 100%; padding: var(--s2) var(--s3); color: var(--text);
          background: var(--surface); border: 1px solid var(--edge); border-radius: var(--round) }
        .field { margin-bottom: var(--s4); max-width: 32rem }
        .field p { margin: var(--s1) 0 0; font-size: var(--small) }
        .error { color: var(--on-bad); background: var(--bad); padding: var(--s1) var(--s2); border-radius: var(--s1) }
        fieldset { border: 0; padding: 0; margin: 0 0 var(--s5) }
        .option { display: flex; gap: var(--s3); align-items: flex-start; background: var(--surface); border: 1px solid var(--line);
          border-radius: var(--round); padding: var(--s3) var(--s4); margin: var(--s2) 0; font-weight: 400; max-width: 40rem }
        .option input { margin-top: .3rem; accent-color: var(--accent) }
        .search { display: flex; flex-wrap: wrap; gap: var(--s3); align-items: end; margin-bottom: var(--s4) }
        .search > div { flex: 1 1 14rem; max-width: 28rem }

        .note { border-radius: var(--round); padding: var(--s3) var(--s4); margin: 0 0 var(--s5); max-width: 48rem }
        .good { background: var(--good); color: var(--on-good) }
        .warn { background: var(--warn); color: var(--on-warn) }
        .bad { background: var(--bad); color: var(--on-bad) }
        .note a { color: inherit }
        .note p { margin: 0 0 var(--s2) }
        .note p:last-child { margin: 0 }
        .state { display: inline-block; border-radius: 1rem; padding: 0 var(--s3); font-size: var(--small); font-weight: 600;
          background: var(--code); color: var(--text) }
        .state.good { background: var(--good); color: var(--on-good) }
        .state.warn { background: var(--warn); color: var(--on-warn) }
        .state.bad { background: var(--bad); color: var(--on-bad) }

        .cards { list-style: none; padding: 0; display: grid; gap: var(--s4);
          grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)) }
        .card { background: var(--surface); border: 1px solid var(--line); border-radius: var(--round); padding: var(--s4);
          display: flex; flex-direction: column; gap: var(--s2) }
        .card h2, .card h3 { margin: 0; font-size: 1.0625rem }
        .card p { margin: 0; overflow-wrap: anywhere }
        .card .end { margin-top: auto; display: flex; flex-wrap: wrap; gap: var(--s2) var(--s3); align-items: center;
          font-size: var(--small) }

        .wide { overflow-x: auto; margin-bottom: var(--s4) }
        table { border-collapse: collapse; background: var(--surface); margin: 0; min-width: 100% }
        caption { text-align: left; color: var(--quiet); font-size: var(--small); padding-bottom: var(--s2) }
        th, td { border: 1px solid var(--line); padding: var(--s2) var(--s3); text-align: left; vertical-align: top }
        th { font-weight: 600 }
        td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
        dl.facts { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: var(--s2) var(--s5) }
        dl.facts dt { color: var(--quiet) }
        dl.facts dd { margin: 0; overflow-wrap: anywhere; min-width: 0 }
        .plain { list-style: none; padding: 0 }
        .choices ul { list-style: none; display: flex; flex-wrap: wrap; gap: var(--s2) var(--s4); padding: 0 }
        .choices a[aria-current], .foot a[aria-current] { font-weight: 600; color: var(--text); text-decoration: none }
        .prose { max-width: 44rem; overflow-wrap: anywhere }
        .prose pre { max-width: 100% }
        .copyable { display: flex; flex-wrap: wrap; gap: var(--s2) var(--s3); align-items: center; margin-bottom: var(--s4) }
        .copyable code { background: var(--code); border: 1px solid var(--line); border-radius: var(--s1); padding: var(--s1) var(--s2) }
        details { border: 1px solid var(--line); border-radius: var(--round); background: var(--surface); margin-bottom: var(--s2) }
        summary { cursor: pointer; padding: var(--s2) var(--s4); font-weight: 600 }
        details > div { padding: 0 var(--s4) var(--s4) }
        details pre { margin-bottom: var(--s2) }
        .chart svg { display: block; width: 100%; height: 9rem; background: var(--surface); border: 1px solid var(--line) }
        .chart rect { fill: var(--accent) }
        .axis { display: flex; justify-content: space-between; gap: var(--s4); font-size: var(--small); color: var(--quiet) }

        """

    private static let narrow = """
        @media (max-width: 40rem) {
          .bar nav { flex-basis: 100%; order: 1 }
          .bar form { margin-left: auto }
          dl.facts { grid-template-columns: 1fr; gap: 0 }
          dl.facts dd { margin-bottom: var(--s3) }
        }
        @media (prefers-reduced-motion: no-preference) { .button, button { transition: border-color .12s } }
        @media (forced-colors: active) { .chart rect { fill: CanvasText } .state { border: 1px solid } }

        """
}
