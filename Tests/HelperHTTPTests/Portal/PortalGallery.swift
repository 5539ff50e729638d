import HTTP
import HelperCore

@testable import HelperHTTP

/// Every page of the portal in every state: what tests render, and what the browser tests look at.
enum PortalGallery {
    struct Entry: Sendable, CustomStringConvertible {
        let name: String
        let view: any PortalView
        var page = PortalGallery.page

        var description: String { name }
    }

    static let now = 1_772_443_503

    static let page = PortalPage(
        locale: .en, csrfToken: "csrf-token", signedInAs: "ada", requestID: "6f1c1f6e2f0a4d1c9c1f5a0b7d3e4f21",
        path: ReturnPath("/keys?q=a") ?? .home, now: now)

    static var signedOut: PortalPage {
        var page = page
        page.signedInAs = nil
        return page
    }

    static var stale: PortalPage {
        var page = page
        page.staleSeconds = 312
        return page
    }

    static func noticed(_ notice: PortalNotice) -> PortalPage {
        var page = page
        page.notice = notice
        return page
    }

    // MARK: Parts

    static let key = KeyRow(
        id: "31", name: "default", note: "Evaluation of the assistant", serviceName: "Granite Chat",
        serviceSystemName: "granite_chat", state: .live, planName: "Basic", hint: "mlaas_4f0…5c41",
        fingerprint: "5b0c0d1e", createdAt: now - 864_000, expiresAt: now + 2_592_000, lastUsedOn: "2026-03-01")

    static func key(_ state: KeyState) -> KeyRow {
        var key = key
        key.state = state
        key.retiresAt = state == .retiring ? now + 43_200 : nil
        key.generation = 2
        key.replaces = "30"
        return key
    }

    static let access = ServiceAccess(
        endpoint: "https://granite.apps.example.com", authentication: .apiKey,
        placement: CredentialsPlacement(location: .headers, parameter: "user_key", idParameter: nil),
        modelIDs: ["granite_chat"])

    static let pair = ServiceAccess(
        endpoint: "https://embeddings.apps.example.com", authentication: .appIDAndKey,
        placement: CredentialsPlacement(location: .query, parameter: "app_key", idParameter: "app_id"))

    static let client = ServiceAccess(
        endpoint: "https://vision.apps.example.com", authentication: .oidc,
        placement: CredentialsPlacement(location: .headers, parameter: "Authorization", idParameter: nil),
        tokenEndpoint: "https://sso.example.com/realms/mlaas/protocol/openid-connect/token")

    static let plans = [
        PlanColumn(
            id: "40", name: "Trial",
            limits: [
                PlanLimit(metric: "hits", period: "minute", value: 10),
                PlanLimit(metric: "hits", period: "day", value: 1000),
            ]),
        PlanColumn(
            id: "41", name: "Basic", isDefault: true,
            limits: [
                PlanLimit(metric: "hits", period: "minute", value: 60),
                PlanLimit(metric: "tokens", period: "month", value: 1_000_000),
            ]),
        PlanColumn(id: "44", name: "Unlimited", needsApproval: true, limits: []),
        PlanColumn(id: "45", name: "Batch", limits: nil),
    ]

    static let services = [
        ServiceRow(
            systemName: "granite_chat", name: "Granite Chat", description: "Chat completions by **Granite**.",
            keyState: .live, keyCount: 2, planName: "Basic"),
        ServiceRow(systemName: "embeddings", name: "Embeddings", description: nil, keyState: .pending, keyCount: 1),
        ServiceRow(
            systemName: "vision", name: "Vision, with a name that is quite long for a card on a narrow screen",
            description: String(repeating: "Looks at images and tells what they show. ", count: 12)),
    ]

    static let usage = UsageSeries(
        metric: "hits", granularity: .day,
        points: (0..<30).map { .init(time: now - (29 - $0) * 86_400, value: $0 * $0 * 37 % 1900) }, total: 27_641)

    static let limits = [
        PlanLimit(metric: "hits", period: "minute", value: 60),
        PlanLimit(metric: "tokens", period: "month", value: 1_000_000),
    ]

    static let unavailable = PortalFailure(code: "UPSTREAM_UNAVAILABLE", status: 503, retryAfterSeconds: 30)
    static let blocked = PortalFailure(code: "ACCOUNT_BLOCKED", status: 403)

    static let description = """
        # Granite

        A model for **chat**. See [the handbook](https://handbook.example.com/granite).

        - 8 billion parameters
        - `temperature` up to 2

        ## Languages

        English, German and Japanese.
        """

    static func service(_ access: ServiceAccess = access, revealed: RevealedCredentials? = nil) -> ServiceView {
        ServiceView(
            systemName: "granite_chat", name: "Granite Chat", description: description, access: access, plans: plans,
            keys: .success([key, key(.paused)]), revealed: revealed, snippetKeyID: "31")
    }

    static func keyView(_ key: KeyRow = key, verdict: TestVerdict? = nil) -> KeyView {
        KeyView(
            key: key, access: access, limits: limits, usage: .series([usage]), verdict: verdict, canChangePlan: true)
    }

    static func confirm(_ action: ConfirmView.Action) -> ConfirmView { ConfirmView(action: action) }

    static let getKey = ConfirmView.GetKey(
        serviceName: "Granite Chat", serviceSystemName: "granite_chat", plans: plans, selected: "44",
        expiresAt: now + 7_776_000)

    // MARK: Entries

    static let entries: [Entry] = home + servicePages + keyPages + confirmPages + otherPages

    private static let home: [Entry] =
        [Entry(name: "signed-out", view: SignedOutView(), page: signedOut)]
        + SignedOutView.Reason.allCases.map {
            Entry(name: "signed-out-\($0)", view: SignedOutView(reason: $0, returnTo: "/keys?a=b&c"), page: signedOut)
        }
        + [
            Entry(name: "services", view: ServicesView(services: services, total: 3)),
            Entry(name: "services-stale", view: ServicesView(services: services, total: 3), page: stale),
            Entry(name: "services-searched", view: ServicesView(services: [services[0]], total: 3, query: "chat")),
            Entry(name: "services-no-match", view: ServicesView(services: [], total: 3, query: "<x> \"y\"")),
            Entry(name: "services-empty", view: ServicesView(services: [], total: 0)),
            Entry(name: "services-failed", view: ServicesView(services: [], total: 0, failure: unavailable)),
            Entry(
                name: "services-keys-unknown",
                view: ServicesView(services: services, total: 3, keysFailure: unavailable)),
            Entry(name: "services-blocked", view: ServicesView(services: services, total: 3, keysFailure: blocked)),
        ]

    private static let servicePages: [Entry] = {
        var noKeys = service()
        noKeys.keys = .success([])
        noKeys.snippetKeyID = nil
        var failed = service()
        failed.keys = .failure(unavailable)
        failed.offer = .unknown
        failed.access.endpoint = nil
        var blocked = service()
        blocked.keys = .failure(Self.blocked)
        blocked.offer = .unknown
        var unread = service()
        unread.offer = .unavailable
        var full = service()
        full.offer = .limitReached(5)
        full.canReveal = false
        var noPlans = service()
        noPlans.plans = []
        noPlans.offer = .noPlans
        noPlans.description = nil
        return [
            Entry(name: "service", view: service()), Entry(name: "service-stale", view: service(), page: stale),
            Entry(name: "service-revealed", view: service(revealed: RevealedCredentials(secret: "mlaas_4f0c7be2d1"))),
            Entry(
                name: "service-pair",
                view: service(pair, revealed: RevealedCredentials(secret: "4f0c", id: "mlaas-4f2c"))),
            Entry(name: "service-client", view: service(client)), Entry(name: "service-no-keys", view: noKeys),
            Entry(name: "service-failed", view: failed), Entry(name: "service-blocked", view: blocked),
            Entry(name: "service-unread", view: unread), Entry(name: "service-limit", view: full),
            Entry(name: "service-no-plans", view: noPlans),
        ]
    }()

    private static let keyPages: [Entry] = {
        var failed = keyView()
        failed.usage = .failed(unavailable)
        failed.limits = nil
        var empty = keyView()
        empty.usage = .series([])
        empty.limits = []
        empty.key.expiresAt = nil
        empty.canReveal = false
        var revealed = keyView()
        revealed.revealed = RevealedCredentials(secret: "4f0c7be2d1a94e0f8c1f7d3b0a6e5c41", id: "mlaas-4f2c")
        return [
            Entry(name: "keys", view: KeysView(keys: KeyState.allCases.map { key($0) })),
            Entry(name: "keys-empty", view: KeysView(keys: [])),
            Entry(name: "keys-failed", view: KeysView(keys: [], failure: unavailable)),
            Entry(name: "key-stale", view: keyView(), page: stale), Entry(name: "key-failed", view: failed),
            Entry(name: "key-empty", view: empty), Entry(name: "key-revealed", view: revealed),
        ]
            + KeyState.allCases.map { Entry(name: "key-\($0.rawValue)", view: keyView(key($0))) }
            + KeyVerdict.Word.allCases.map { verdict in
                Entry(
                    name: "key-test-\(verdict.rawValue)",
                    view: keyView(
                        verdict: TestVerdict(
                            verdict: verdict, status: 200, latencyMilliseconds: 83, modelIDs: ["granite_chat", "b"])))
            }
            + [KeyState.paused, .expired].map { state in
                Entry(
                    name: "key-test-works-\(state.rawValue)",
                    view: keyView(key(state), verdict: TestVerdict(verdict: .works, state: state, status: 200)))
            }
            + PortalNotice.allCases.map {
                Entry(name: "key-done-\($0.rawValue)", view: keyView(), page: noticed($0))
            }
    }()

    private static let confirmPages: [Entry] = {
        var again = getKey
        again.name = "Not a name"
        again.nameError = true
        return [
            Entry(name: "confirm-get-key", view: confirm(.getKey(getKey))),
            Entry(name: "confirm-get-key-again", view: confirm(.getKey(again))),
            Entry(name: "confirm-rotate", view: confirm(.rotate(key, graceSeconds: 86_400))),
            Entry(name: "confirm-rotate-now", view: confirm(.rotate(key, graceSeconds: 0))),
            Entry(name: "confirm-pause", view: confirm(.pause(key))),
            Entry(name: "confirm-resume", view: confirm(.resume(key(.paused)))),
            Entry(name: "confirm-revoke", view: confirm(.revoke(key(.live)))),
            Entry(name: "confirm-plan", view: confirm(.changePlan(key, plans: plans, selected: nil))),
            Entry(name: "confirm-edit", view: confirm(.edit(key, lifetimes: [7, 30, 90, 365], mayLastForEver: true))),
            Entry(name: "confirm-stale", view: confirm(.pause(key)), page: stale),
        ]
    }()

    private static let otherPages: [Entry] =
        [
            Entry(
                name: "me",
                view: MeView(
                    username: "ada", email: "ada@example.com", issuer: "https://sso.example.com/realms/mlaas",
                    subject: "0d6a8f7c-8f0e-4d3b-9c53-0f2f0d0f7e11", roles: ["mlaas-user", "ml-admin"],
                    serverURL: "https://mlaas.example.com", sessionEndsAt: now + 900)),
            Entry(
                name: "me-without-roles",
                view: MeView(username: "ada", issuer: "i", subject: "s", roles: [], serverURL: "https://m.example.com")),
            Entry(
                name: "terminal",
                view: CommandLineView(
                    serverURL: "https://mlaas.example.com",
                    downloadURL:
                        "https://artifacts.example.com/artifactory/generic-release-local/mlaas-command-line/latest/")),
            Entry(name: "terminal-without-packages", view: CommandLineView(serverURL: "https://mlaas.example.com")),
        ]
        + [502, 503].map { status in
            Entry(
                name: "failure-keycloak-\(status)",
                view: FailureView(
                    failure: PortalFailure(code: "UPSTREAM", status: status, retryAfterSeconds: 5, isKeycloaks: true)),
                page: signedOut)
        }
        + [
            Entry(
                name: "failure-shown-once",
                view: FailureView(failure: PortalFailure(code: "KEY_STATE_CONFLICT", status: 403))),
            Entry(
                name: "failure-form",
                view: FailureView(failure: PortalFailure(code: "FORBIDDEN", status: 403, isOfForm: true))),
        ]
        + HelperError.Code.allCases.map { code in
            Entry(
                name: "failure-\(code.rawValue.lowercased())",
                view: FailureView(
                    failure: PortalFailure(
                        code: code.rawValue, status: ErrorResponse.status(for: code).code,
                        retryAfterSeconds: code == .rateLimited ? 17 : nil),
                    details: code == .invalidRequest ? ["name: 1 to 40 characters"] : []))
        }
}
