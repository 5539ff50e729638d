import FoundationEssentials
import HTTP
import HTTPServer
import HelperCore
import Testing

@testable import HelperHTTP

/// What the environment asks for.
private enum Wanted {
    static let folder = ProcessInfo.processInfo.environment["PORTAL_GALLERY"]
    /// The service, and the credentials, of the snippets: endpoint, method, location, parameter, id parameter, token endpoint,
    /// model, id, secret, one line each.
    static let snippet = ProcessInfo.processInfo.environment["PORTAL_SNIPPET"]
}

/// Writes what the browser tests open: every page and state, the files of the pages, and snippets to run.
@Suite(
    "Portal gallery", .enabled(if: Wanted.folder != nil, "PORTAL_GALLERY names no folder"), .serialized)
struct PortalGalleryFiles {
    private func write(_ text: String, _ path: String) throws {
        let file = try #require(Wanted.folder) + "/" + path
        try FileManager.default.createDirectory(
            atPath: String(file[..<(file.lastIndex(of: "/") ?? file.startIndex)]), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
    }

    @Test("pages and files")
    func pages() throws {
        for entry in PortalGallery.entries { try write(entry.view.render(in: entry.page).markup, entry.name + ".html") }
        for locale in PortalLocale.allCases {
            var page = PortalGallery.page
            page.locale = locale
            try write(PortalGallery.service().render(in: page).markup, "service-\(locale.rawValue).html")
            try write(PortalGallery.keyView().render(in: page).markup, "key-\(locale.rawValue).html")
        }
        for file in [PortalAssets.style, PortalAssets.script, PortalAssets.icon] {
            try write(String(decoding: file.response.body, as: UTF8.self), "assets/" + file.name)
        }
    }

    @Test("snippets", .enabled(if: Wanted.snippet != nil, "PORTAL_SNIPPET names no service"))
    func snippets() throws {
        let lines = try #require(Wanted.snippet).split(separator: "\n", omittingEmptySubsequences: false).map(
            String.init)
        try #require(lines.count == 9)
        func value(_ index: Int) -> String? { lines[index].isEmpty ? nil : lines[index] }
        let access = ServiceAccess(
            endpoint: lines[0], authentication: try #require(AuthenticationMethod(rawValue: lines[1])),
            placement: CredentialsPlacement(
                location: try #require(.init(rawValue: lines[2])), parameter: lines[3], idParameter: value(4)),
            tokenEndpoint: value(5), modelIDs: value(6).map { [$0] } ?? [])
        for snippet in Snippet.catalogue(access, RevealedCredentials(secret: lines[8], id: value(7))) {
            try write(snippet.code, "snippets/" + snippet.language.rawValue)
        }
    }
}
