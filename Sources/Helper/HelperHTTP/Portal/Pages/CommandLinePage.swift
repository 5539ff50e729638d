import Bytes

/// `/terminal`: how to get the command line and begin with it.
struct CommandLineView: PortalView {
    /// Where the command line signs in: the address of this helper.
    var serverURL: String
    /// Where the operator keeps the packages; nil where no such place is named.
    var downloadURL: String?

    var section: String? { PortalPath.me }

    func title(in page: PortalPage) -> String { page.texts(.commandLine) }

    func content(in page: PortalPage) -> HTML {
        let texts = page.texts
        let server = ShellText.quoted(serverURL)
        return """
            <p>\(texts(.commandLineLead))</p>
            <section aria-labelledby="install"><h2 id="install">\(texts(.commandLineInstall))</h2>
            \(source(texts))
            <p>\(texts(.commandLinePackage))</p>
            \(page.copyable("sudo apt install ./mlaas_*.deb", id: "apt", what: texts(.commandLineInstall)))
            <p>\(texts(.commandLineTarball))</p></section>
            <section aria-labelledby="terminal"><h2 id="terminal">\(texts(.terminal))</h2>
            <p>\(texts(.terminalText))</p>
            \(page.copyable("mlaas login --server \(server)", id: "login", what: texts(.terminal)))
            <p>\(texts(.terminalDevice))</p>
            \(page.copyable("mlaas login --device --server \(server)", id: "device", what: texts(.terminalDevice)))</section>
            <section aria-labelledby="first"><h2 id="first">\(texts(.commandLineFirst))</h2>
            <dl class="facts">
            \(command("mlaas services", texts(.commandLineServices)))
            \(command("mlaas run SERVICE -- python app.py", texts(.commandLineRun)))
            \(command("mlaas key test KEY", texts(.commandLineTest)))
            \(command("mlaas --help", texts(.commandLineHelp)))</dl></section>
            """
    }

    private func source(_ texts: PortalTexts) -> HTML {
        guard let downloadURL else { return "<p>\(texts(.commandLineAsk))</p>" }
        return "<p>\(texts(.commandLineDownload)) <a href=\"\(downloadURL)\"><code>\(downloadURL)</code></a></p>"
    }

    private func command(_ line: String, _ text: String) -> HTML {
        "<dt><code>\(line)</code></dt><dd>\(text)</dd>"
    }
}
