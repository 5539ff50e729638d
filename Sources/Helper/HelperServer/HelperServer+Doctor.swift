import Configuration
import Crypto
package import Doctor
import EventLoop
import HTTPClient
import HelperCore
import Keycloak
import Telemetry
import ThreeScale

extension HelperServer {
    /// For one request of the doctor: people wait for it.
    private static let doctorTimeoutMax = Duration.seconds(10)

    /// Examines the configured systems; serves nothing and leaves everything as it was.
    /// - Parameters:
    ///   - tokenFile: the path of an access token to look at.
    ///   - who: a Keycloak name; with it nothing but its 3scale account is looked for.
    ///   - subjects: the `sub` of everybody in the realms.
    package func examine(tokenFile: String?, who: String? = nil, subjects: [String]? = nil) async -> Report {
        // Roots that cannot be read are a finding of their own, and no reason to look at nothing.
        let tools = OneShot(self)
        let now: @Sendable () -> Int = { wallClockSeconds() }
        let verifier = tokenVerifier(
            tools.client, settings.identity.clientSecret.map { RotatingSecret($0) }, tools.telemetry,
            KeycloakBreakers(settings.breaker), { work in _ = tools.group.currentOrAny().spawn(work) },
            sleep: tools.sleep)
        let doctor = Doctor(
            doctorPlan(tokenFile, subjects),
            observer: Observer(client: tools.client, timeout: min(settings.timeout, Self.doctorTimeoutMax), now: now),
            verify: { await verifier.verifyByAsking($0[...], from: "doctor") },
            redis: redisCheck(tools.group, tools.roots?.trust), now: now)
        let report = await tools.run { if let who { await doctor.who(who) } else { await doctor.examine() } }
        return who == nil ? Report([Self.readingFinding] + report.findings) : report
    }

    /// The doctor is a process of its own, and may know newer values than the one that serves.
    private static var readingFinding: Finding {
        Finding(
            "configuration", .ok, "read now, as a helper would that starts now",
            advice:
                "One that runs has what it read at its start. After a change of a secret's or certificate's file send it "
                + "SIGHUP and look for its log line 'reload finished'; restart it after any other change")
    }

    private func doctorPlan(_ tokenFile: String?, _ subjects: [String]?) -> Doctor.Plan {
        let threeScale = ThreeScaleConfiguration(url: settings.threeScaleURL) { [settings] in
            settings.threeScaleToken.reveal()
        }
        let identity = settings.identity
        var plan = Doctor.Plan(
            realmURL: identity.places.realmURL, keySetURL: identity.places.keySetURL, clientID: identity.clientID,
            clientSecret: identity.clientSecret?.reveal(), issuers: identity.policy.issuers,
            audiences: identity.policy.audiences.map(\.description),
            algorithms: identity.policy.algorithms.map(\.rawValue).sorted(), clockSkew: identity.policy.clockSkew,
            threeScaleURL: threeScale.baseURL,
            threeScaleToken: threeScale.accessToken(), pageSize: settings.pageSize)
        plan.access = accessPolicy
        plan.defaultPlan = settings.defaultPlan
        plan.introspects = identity.introspectionLifetime != nil
        plan.introspectionURL = identity.places.introspectionURL
        plan.markIssuers = markIssuers
        plan.subjects = subjects
        plan.adoptsUnmarked = settings.adoptsUnmarked
        if let path = settings.extraRootsFile {
            plan.certificates.append(
                .init(owner: "CA_BUNDLE", pem: try? FilesOnDisk.read(path), areRoots: true))
        }
        if let files = settings.tls {
            plan.certificates.append(
                .init(owner: "TLS_CERT_FILE", pem: try? FilesOnDisk.read(files.certificate), areRoots: false))
        }
        if let tokenFile {
            let blanks: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D]
            let text = (try? FilesOnDisk.read(tokenFile))?.filter { !blanks.contains($0) }
            plan.token = text.map { .token($0) } ?? .unreadable(path: tokenFile)
        }
        return plan
    }

    /// The realm's own URL may have been what tokens named before KEYCLOAK_ISSUERS was set.
    private var markIssuers: MarkIssuersCheck.Issuers {
        let policy = settings.identity.policy
        let names = policy.issuers + [settings.identity.places.realmURL]
        var identities: [String] = []
        for issuer in policy.issuers {
            let identity = policy.identityIssuer(of: issuer)
            if !identities.contains(identity) { identities.append(identity) }
        }
        var aliases: [MarkIssuersCheck.Alias] = []
        for name in names where !identities.contains(name) && !aliases.contains(where: { $0.issuer == name }) {
            let identity =
                policy.issuers.contains(name) ? policy.identityIssuer(of: name) : (identities.first ?? name)
            aliases.append(MarkIssuersCheck.Alias(issuer: name, identity: identity))
        }
        return MarkIssuersCheck.Issuers(identities: identities, aliases: aliases)
    }
}
