import Telemetry
import Testing

@testable import HelperServer

@Suite("The product's log lines")
struct LogOutputTests {
    @Test("never show a secret, whatever its key in Keycloak or 3scale", arguments: Settings.LogFormat.allCases)
    func secrets(_ format: Settings.LogFormat) {
        let sink = InMemoryLogSink()
        let logger = Logger(label: "test", handler: LogOutput.handler(format, .info, sink: sink))
        for key in ["user_key", "app_key", "provider_key", "access_token", "client_secret", "Authorization"] {
            logger.info("x", metadata: [key: "s3cret"])
        }
        #expect(sink.lines.count == 6)
        #expect(sink.lines.allSatisfy { $0.contains("<redacted>") && !$0.contains("s3cret") })
    }
}
