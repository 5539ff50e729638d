import HelperCore
import Telemetry
import Testing

@testable import HelperHTTP

@Suite("Outcomes of authentication")
struct AuthOutcomeTests {
    @Test("every outcome has a series before its first request")
    func series() {
        let registry = PrometheusRegistry()
        let outcomes = AuthOutcomes(factory: registry)
        let text = String(decoding: registry.exposition(), as: UTF8.self)
        for outcome in AuthOutcome.all {
            let (name, reason) = outcome.labels
            #expect(text.contains("mlaas_auth_total{outcome=\"\(name)\",reason=\"\(reason)\"} 0"))
        }
        withExtendedLifetime(outcomes) {}
    }

    @Test("no two outcomes share their labels")
    func distinct() {
        #expect(Set(AuthOutcome.all.map { "\($0.labels)" }).count == AuthOutcome.all.count)
    }
}
