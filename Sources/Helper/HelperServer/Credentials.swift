import Configuration
import Crypto
import EventLoop
import Synchronization
import Telemetry

/// What proves who we are and who others are, and can be replaced while the process runs.
struct Credentials: Sendable {
    /// 3scale's access token.
    let accessToken: RotatingSecret
    /// Of our client at Keycloak.
    let clientSecret: RotatingSecret?
    /// The roots that were read at the start.
    let roots: TrustedRoots
    /// Nil on plain HTTP.
    let certificate: ServedCertificate?
    let files: TLSFiles?
    let logger: Logger
    let reloads: ReloadMetrics

    /// Blocks while it reads files.
    init(_ settings: Settings, registry: PrometheusRegistry, logger: Logger) throws(HelperServer.StartError) {
        accessToken = RotatingSecret(settings.threeScaleToken)
        clientSecret = settings.identity.clientSecret.map { RotatingSecret($0) }
        files = settings.tls
        self.logger = logger
        reloads = ReloadMetrics(factory: registry)
        do throws(CryptoError) {
            roots = try TrustedRoots.load(extra: settings.extraRootsFile)
            certificate = try settings.tls.map { files throws(CryptoError) in try ServedCertificate(files) }
        } catch {
            throw HelperServer.StartError(description: error.description)
        }
        if !roots.hasSystemRoots { logger.warning("the system has no root certificates: CA_BUNDLE must hold them all") }
        if let certificate {
            warnOfExpiry()
            registry.collect {
                [.init("mlaas_tls_certificate_expiry_timestamp_seconds", .gauge, Double(certificate.notAfter))]
            }
        }
    }

    /// Logs a served certificate that clients refuse by now. It is served all the same: there may be no better one.
    func warnOfExpiry() {
        guard let certificate, certificate.notAfter < wallClockSeconds() else { return }
        logger.error("the certificate of TLS_CERT_FILE has expired")
    }
}

/// `mlaas_credential_reloads_total{outcome}`.
struct ReloadMetrics: Sendable {
    let replaced: Counter
    let refused: Counter

    init(factory: any MetricsFactory) {
        func counter(_ outcome: String) -> Counter {
            Counter(label: "mlaas_credential_reloads_total", dimensions: [("outcome", outcome)], factory: factory)
        }
        replaced = counter("replaced")
        refused = counter("refused")
    }
}
