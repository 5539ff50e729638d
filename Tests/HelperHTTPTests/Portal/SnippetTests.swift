import Bytes
import HelperCore
import Testing

@testable import HelperHTTP

@Suite("Snippets")
struct SnippetTests {
    private func code(
        _ language: Snippet.Language, _ access: ServiceAccess, _ credentials: RevealedCredentials? = nil
    ) -> String {
        Snippet.catalogue(access, credentials).first { $0.language == language }?.code ?? ""
    }

    private func access(
        _ authentication: AuthenticationMethod, _ location: CredentialsPlacement.Location,
        models: [String] = ["granite"]
    ) -> ServiceAccess {
        ServiceAccess(
            endpoint: "https://granite.example.com/", authentication: authentication,
            placement: CredentialsPlacement(
                location: location, parameter: authentication == .apiKey ? "user_key" : "app_key", idParameter: "app_id"
            ),
            modelIDs: models)
    }

    private let secret = RevealedCredentials(secret: "s3cret", id: "id7")

    @Test("curl carries the credentials where the service wants them")
    func places() {
        #expect(code(.curl, access(.apiKey, .headers), secret).contains("-H 'user_key: s3cret'"))
        #expect(code(.curl, access(.apiKey, .query), secret).contains("/v1/chat/completions?user_key=s3cret'"))
        #expect(code(.curl, access(.apiKey, .authorization), secret).contains("-u 's3cret:'"))
        #expect(
            code(.curl, access(.appIDAndKey, .headers), secret).contains("-H 'app_id: id7' \\\n  -H 'app_key: s3cret'")
        )
        #expect(code(.curl, access(.appIDAndKey, .query), secret).contains("?app_id=id7&app_key=s3cret'"))
        #expect(code(.curl, access(.appIDAndKey, .authorization), secret).contains("-u 'id7:s3cret'"))
        #expect(code(.curl, access(.oidc, .headers), secret).contains("-u 'id7:s3cret'"))
    }

    @Test("without credentials placeholders stand in every snippet, and without an endpoint there is none")
    func placeholders() {
        for snippet in Snippet.catalogue(access(.apiKey, .headers), nil) {
            #expect(snippet.code.contains("YOUR_API_KEY"))
        }
        var access = access(.apiKey, .headers)
        access.endpoint = nil
        #expect(Snippet.catalogue(access, secret).isEmpty)
    }

    @Test("the call fits the model: chat, embeddings, or a list where no model is known")
    func tasks() {
        #expect(code(.curl, access(.apiKey, .headers, models: ["granite"])).contains("/v1/chat/completions"))
        #expect(code(.curl, access(.apiKey, .headers, models: ["text-EMBED-3"])).contains("/v1/embeddings"))
        #expect(code(.curl, access(.apiKey, .headers, models: [])).contains("/v1/models'"))
        #expect(code(.langchain, access(.apiKey, .headers, models: [])).contains("model=\"MODEL_ID\""))
    }

    @Test(
        "no text ends the literal that it stands in",
        arguments: [
            ("a'b", "'a'\\''b'", "\"a'b\""), ("a\"b", "'a\"b'", "\"a\\\"b\""), ("a\\b", "'a\\b'", "\"a\\\\b\""),
            ("$(id)`id`", "'$(id)`id`'", "\"$(id)`id`\""), ("a\nb", "'a\nb'", "\"a\\nb\""), ("", "''", "\"\""),
            ("'", "''\\'''", "\"'\""), ("\u{2028}", "'\u{2028}'", "\"\\u2028\""), ("\u{1}", "'\u{1}'", "\"\\u0001\""),
            ("a\r\nb", "'a\r\nb'", "\"a\\r\\nb\""), ("ü😀", "'ü😀'", "\"ü😀\""),
            ("'\u{301}", "''\\''\u{301}'", "\"'\u{301}\""),
        ])
    func quoting(text: String, shell: String, string: String) {
        #expect(Array(ShellText.quoted(text).utf8) == Array(shell.utf8))
        #expect(Quoted.string(text) == string)
    }

    @Test(".env has the variables of the command line, and headers that OpenAI's clients add")
    func variables() {
        let header = code(.env, access(.apiKey, .headers), secret)
        #expect(header.contains("\nOPENAI_CUSTOM_HEADERS='user_key: s3cret'\n"))
        // Two headers are two lines, which not every reader takes.
        let pair = code(.env, access(.appIDAndKey, .headers), secret)
        #expect(pair.contains("\nMLAAS_APP_ID=id7\n") && !pair.contains("OPENAI_CUSTOM_HEADERS"))
        #expect(code(.env, access(.oidc, .headers), secret).contains("\nMLAAS_CLIENT_ID=id7\n"))
        #expect(!code(.env, access(.apiKey, .query), secret).contains("OPENAI_CUSTOM_HEADERS"))
    }

    @Test("an endpoint that ends in /v1 gets no second one")
    func versions() {
        var access = access(.apiKey, .headers)
        access.endpoint = "https://granite.example.com/v1"
        for snippet in Snippet.catalogue(access, secret) {
            #expect(snippet.code.contains("granite.example.com/v1") && !snippet.code.contains("/v1/v1"))
        }
    }

    @Test("a comment stays on its line")
    func comments() {
        let access = ServiceAccess(
            endpoint: "https://a.example", authentication: .apiKey,
            placement: CredentialsPlacement(location: .headers, parameter: "x\nEVIL=1\r\n\u{2028}y", idParameter: nil))
        let lines = code(.env, access).split(whereSeparator: \.isNewline)
        #expect(lines.map { $0.prefix(3) } == ["OPE", "# T", "OPE"])
    }
}
