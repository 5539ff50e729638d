import Configuration
import Crypto
import EventLoop
import HTTPClient
import HelperCore
import HelperHTTP
import Synchronization
import Telemetry

/// Reads secrets and certificates again: all of them on SIGHUP, the served certificate also when its files change. A
/// file that cannot be used is logged and changes nothing.
///
/// Files are looked at, not watched: a mounted secret is changed by swapping a link somewhere above it, which
/// notifications about the file do not tell.
final class Reloader: Sendable {
    /// How often the served certificate's files are looked at.
    private static let interval = Duration.seconds(2)

    /// What SIGHUP reads again; everything else needs a restart.
    static let settings = [
        "THREESCALE_ADMIN_API_KEY", "KEYCLOAK_CLIENT_SECRET", "SESSION_SECRET", "CA_BUNDLE", "TLS_CERT_FILE",
        "TLS_KEY_FILE",
    ]

    private let credentials: Credentials
    private let clients: [HTTPClient]
    private let sessions: PortalSessions?
    private let loop: EventLoop
    private let reread: @Sendable () -> Settings.Outcome
    private let rootsDigest: Mutex<[UInt8]>

    /// - Parameters:
    ///   - sessions: nil where the portal is off.
    ///   - reread: the settings as they are now; may block.
    init(
        credentials: Credentials, clients: [HTTPClient], sessions: PortalSessions?, loop: EventLoop,
        reread: @escaping @Sendable () -> Settings.Outcome
    ) {
        self.credentials = credentials
        self.clients = clients
        self.sessions = sessions
        self.loop = loop
        self.reread = reread
        rootsDigest = Mutex(credentials.roots.digest)
    }

    /// Looks at the certificate's files until the task is cancelled.
    func startWatching() -> Task<Void, Never> {
        loop.spawn { [self] in
            guard let certificate = credentials.certificate, let files = credentials.files else { return }
            while (try? await loop.sleep(for: Self.interval)) != nil {
                report(await loop.offload { certificate.refresh(from: files) })
            }
        }
    }

    /// Everything, on SIGHUP.
    func reload() async {
        switch await loop.offload(reread) {
        case .problems(let problems, _, _):
            refuse(problems.map(\.description).joined(separator: "; "))
        case .settings(let settings, _, _):
            if credentials.accessToken.replace(with: settings.threeScaleToken) { replaced("the 3scale access token") }
            reloadClientSecret(settings.identity.clientSecret)
            reloadSessionSecrets(settings.portal?.secrets)
            await reloadRoots(settings.extraRootsFile)
            if let certificate = credentials.certificate, let files = settings.tls {
                report(await loop.offload { certificate.refresh(from: files) })
            }
            credentials.logger.notice(
                "reload finished", metadata: ["read": .string(rereadNames.joined(separator: ", "))])
        }
    }

    /// What a reload looks at in this process.
    private var rereadNames: [String] {
        Self.settings.filter { name in
            switch name {
            case "KEYCLOAK_CLIENT_SECRET": credentials.clientSecret != nil
            case "SESSION_SECRET": sessions != nil
            case "TLS_CERT_FILE", "TLS_KEY_FILE": credentials.certificate != nil
            default: true
            }
        }
    }

    private func reloadClientSecret(_ secret: Secret?) {
        guard let held = credentials.clientSecret else { return }
        guard let secret else { return refuse("KEYCLOAK_CLIENT_SECRET is gone") }
        if held.replace(with: secret) { replaced("the Keycloak client secret") }
    }

    private func reloadSessionSecrets(_ secrets: [Secret]?) {
        guard let sessions else { return }
        guard let secrets else { return refuse("SESSION_SECRET is gone") }
        if sessions.replaceSecrets(with: secrets.map { Array($0.reveal().utf8) }) { replaced("the session secrets") }
    }

    private func reloadRoots(_ path: String?) async {
        let loaded = await loop.offload { Result { () throws(CryptoError) in try TrustedRoots.load(extra: path) } }
        switch loaded {
        case .failure(let error): refuse(error.description)
        case .success(let roots):
            let isNew = rootsDigest.withLock { digest in
                defer { digest = roots.digest }
                return digest != roots.digest
            }
            guard isNew else { return }
            for client in clients { client.replaceTrust(with: roots.trust) }
            replaced("the trusted roots")
        }
    }

    private func report(_ change: ServedCertificate.Change) {
        switch change {
        case .none: break
        case .replaced(let subject):
            replaced("the served certificate (\(subject))")
            credentials.warnOfExpiry()
        case .refused(let reason): refuse("the served certificate: \(reason)")
        }
    }

    private func replaced(_ what: String) {
        credentials.reloads.replaced.increment()
        credentials.logger.notice("credential replaced", metadata: ["credential": .string(what)])
    }

    private func refuse(_ reason: String) {
        credentials.reloads.refused.increment()
        credentials.logger.error(
            "reload failed; keeping previous values", metadata: [LogKey.error: .string(reason)])
    }
}
